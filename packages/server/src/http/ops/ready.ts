// GET /readyz: whether this server should be sent new work, and if not, why.
import type { Clock } from "@holdfast/engine";
import type { Front } from "../front.ts";
import { jsonReply, type Reply } from "../reply.ts";

export async function getReady(front: Front): Promise<Reply> {
  const reasons = await findReasons(front);
  if (reasons.length === 0) return jsonReply(200, { status: "ready" });
  return jsonReply(503, { status: "unready", reasons }, { "retry-after": "1" });
}

/** Who asks wants an answer while records that are away are waited for; in milliseconds. */
const HEALTH_WITHIN_MS = 2000;

async function findReasons({ engine, isClosing, log, clock }: Front): Promise<readonly string[]> {
  if (isClosing()) return ["shutting_down"];
  try {
    const { isLow } = await within(clock, HEALTH_WITHIN_MS, engine.health());
    return isLow ? ["storage_full"] : [];
  } catch (error) {
    log("error", "health is unknown", { error });
    return ["storage_failed"];
  }
}

async function within<T>(clock: Clock, ms: number, task: Promise<T>): Promise<T> {
  const { promise: over, reject } = Promise.withResolvers<never>();
  const callOff = clock.after(ms, () => reject(new Error(`no answer within ${ms} ms`)));
  try {
    return await Promise.race([task, over]);
  } finally {
    callOff();
  }
}
