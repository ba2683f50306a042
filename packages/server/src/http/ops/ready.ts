// GET /readyz: whether this server should be sent new work, and if not, why.
import type { Front } from "../front.ts";
import { jsonReply, type Reply } from "../reply.ts";
import { lookAfterHealth } from "./health.ts";

export async function getReady(front: Front): Promise<Reply> {
  const reasons = await findReasons(front);
  if (reasons.length === 0) return jsonReply(200, { status: "ready" });
  return jsonReply(503, { status: "unready", reasons }, { "retry-after": "1" });
}

async function findReasons(front: Front): Promise<readonly string[]> {
  if (front.isClosing()) return ["shutting_down"];
  const health = await lookAfterHealth(front);
  if (!health) return ["storage_failed"];
  return health.isLow ? ["storage_full"] : [];
}
