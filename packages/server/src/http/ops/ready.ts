// GET /readyz: whether this server should be sent new work, and if not, why.
import type { Front } from "../front.ts";
import { jsonReply, type Reply } from "../reply.ts";

export async function getReady(front: Front): Promise<Reply> {
  const reasons = await findReasons(front);
  if (reasons.length === 0) return jsonReply(200, { status: "ready" });
  return jsonReply(503, { status: "unready", reasons }, { "retry-after": "1" });
}

async function findReasons({ engine, isClosing, log }: Front): Promise<readonly string[]> {
  if (isClosing()) return ["shutting_down"];
  try {
    const { isLow } = await engine.health();
    return isLow ? ["storage_full"] : [];
  } catch (error) {
    log("error", "health is unknown", { error });
    return ["storage_failed"];
  }
}
