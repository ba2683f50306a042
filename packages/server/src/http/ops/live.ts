// GET /livez: the process lives and its event loop turns.
import { jsonReply, type Reply } from "../reply.ts";

export async function getLive(): Promise<Reply> {
  return jsonReply(200, { status: "ok" });
}
