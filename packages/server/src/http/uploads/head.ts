// HEAD /v1/uploads/{id}: where to go on appending.
import { spokenVersion } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { emptyReply, type Reply } from "../reply.ts";

export async function getOffset(
  { engine, clock }: Front,
  { request, params, principal }: Call,
): Promise<Reply> {
  const [id = ""] = params;
  const { codec, stamp } = spokenVersion(request.header);
  codec.requireBare(request.header);
  const view = await engine.offset(principal, id);
  return emptyReply(204, { ...codec.offsetFields(view, clock.now()), ...stamp });
}
