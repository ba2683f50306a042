// DELETE /v1/uploads/{id}: ends an upload and removes its bytes.
import { spokenVersion } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { emptyReply, type Reply } from "../reply.ts";

export async function abortUpload(
  { engine }: Front,
  { request, params, principal }: Call,
): Promise<Reply> {
  const [id = ""] = params;
  const { codec, stamp } = spokenVersion(request.header);
  codec.requireBare(request.header);
  await engine.abort(principal, id);
  return emptyReply(204, stamp);
}
