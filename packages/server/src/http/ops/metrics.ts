// GET /metrics: what the server counts of itself, for Prometheus.
import type { Handler } from "../front.ts";
import { bytesReply } from "../reply.ts";
import { lookAfterHealth } from "./health.ts";

const UNKNOWN = { open: Number.NaN, files: Number.NaN, room: Number.NaN, damaged: Number.NaN };

/** Whole numbers of everybody's uploads: for who administers the server. */
export const getMetrics: Handler = async (front, { principal }) => {
  await front.policy.decide(principal, "administer", principal);
  // What is unknown is no reason to tell nothing: it is when something fails that somebody looks.
  const health = (await lookAfterHealth(front)) ?? UNKNOWN;
  const { open, files, damaged } = health;
  // Nobody knows how much an object store takes.
  const room = front.about.io === "store" ? Number.NaN : health.room;
  const text = await front.meter.show({ open, files, damaged, room, ...front.load() });
  return bytesReply(200, front.meter.contentType, new TextEncoder().encode(text));
};
