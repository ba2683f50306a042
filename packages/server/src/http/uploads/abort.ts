// DELETE /v1/uploads/{id}: ends an upload and removes its bytes.
import type { Call, Front } from "../front.ts";
import { emptyReply, type Reply } from "../reply.ts";

export async function abortUpload(front: Front, { params, principal }: Call): Promise<Reply> {
  const [id = ""] = params;
  await front.engine.abort(principal, id);
  return emptyReply(204);
}
