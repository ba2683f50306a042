// How long a line is silent while nothing is wrong with it: what lasts much longer than that is a stall.
import type { Clock } from "./ports.ts";

/** What a request is silent in: between two pieces of its body, before the answer, between two pieces of that. */
export type Silence = "sending" | "waiting" | "receiving";

export interface Pace {
  /** A request of that kind moved on after `ms` of silence. */
  note(kind: Silence, ms: number): void;
  /** How long a request may be silent that has been so since `since`, in milliseconds; `usualMs` where the line's own pace is not known yet. */
  allowedMs(kind: Silence, since: number, usualMs: number): number;
}

/** Silences that are known before they say anything. */
const KNOWN = 8;
/** What was slow once is forgotten by so much with each silence. */
const FADING = 0.97;
/** While others move on, a connection that is silent for so many times the longest of late is dead. */
const ALONE = { times: 3, msMin: 3_000 };
/** When all are silent it may be the line itself, which comes back: giving up would cost what is on its way. */
const TOGETHER = { times: 8, msMin: 10_000 };

export function createPace(clock: Clock): Pace {
  const slowest: Record<Silence, number> = { sending: 0, waiting: 0, receiving: 0 };
  const known: Record<Silence, number> = { sending: 0, waiting: 0, receiving: 0 };
  let movedAt = -Infinity;
  return {
    note(kind, ms) {
      slowest[kind] = Math.max(ms, slowest[kind] * FADING);
      known[kind]++;
      movedAt = clock.monotonic();
    },
    allowedMs(kind, since, usualMs) {
      if (known[kind] < KNOWN) return usualMs;
      const doOthersMove = movedAt - since > slowest[kind];
      const { times, msMin } = doOthersMove ? ALONE : TOGETHER;
      return Math.min(usualMs, Math.max(msMin, times * slowest[kind]));
    },
  };
}
