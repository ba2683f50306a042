// DELETE /tus/{id}: ends an upload, or removes the file that it has become.
import { isHoldfastError } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { emptyReply, type Reply } from "../reply.ts";

export async function deleteTus({ engine }: Front, { params, principal }: Call): Promise<Reply> {
  const [id = ""] = params;
  try {
    await engine.abort(principal, id);
  } catch (error) {
    const isFile = isHoldfastError(error) && error.details["state"] === "complete";
    if (!isFile) throw error;
    const { fileId } = await engine.offset(principal, id);
    if (!fileId) throw error;
    await engine.deleteFile(principal, fileId);
  }
  return emptyReply(204);
}
