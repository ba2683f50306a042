// GET /v1/uploads/{id}: how far an upload is.
import { encodeUpload } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { jsonReply, type Reply } from "../reply.ts";

export async function getStatus(
  front: Front,
  { request, params, principal }: Call,
): Promise<Reply> {
  const [id = ""] = params;
  const digests = request.query.get("digests") === "1";
  return jsonReply(200, encodeUpload(await front.engine.status(principal, id, { digests })));
}
