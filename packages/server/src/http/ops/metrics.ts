// GET /metrics: what the server counts of itself, for Prometheus.
import type { Handler } from "../front.ts";
import { bytesReply } from "../reply.ts";

/** Whole numbers of everybody's uploads: for who administers the server. */
export const getMetrics: Handler = async (front, { principal }) => {
  await front.policy.decide(principal, "administer", principal);
  const { open, files, room } = await front.engine.health();
  const text = await front.meter.show({ open, files, room, ...front.load() });
  return bytesReply(200, front.meter.contentType, new TextEncoder().encode(text));
};
