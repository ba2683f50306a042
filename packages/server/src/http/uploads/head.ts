// HEAD /v1/uploads/{id}: where to go on appending.
import { encodeUploadOffset } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { emptyReply, type Reply } from "../reply.ts";

export async function getOffset(
  { engine, clock }: Front,
  { params, principal }: Call,
): Promise<Reply> {
  const [id = ""] = params;
  return emptyReply(204, encodeUploadOffset(await engine.offset(principal, id), clock.now()));
}
