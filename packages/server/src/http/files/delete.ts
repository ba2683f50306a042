// DELETE /v1/files/{id}: removes a file.
import type { Call, Front } from "../front.ts";
import { emptyReply, type Reply } from "../reply.ts";

export async function deleteFile({ engine }: Front, { params, principal }: Call): Promise<Reply> {
  const [id = ""] = params;
  await engine.deleteFile(principal, id);
  return emptyReply(204);
}
