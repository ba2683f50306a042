// A limit on the rate of a whole transfer: a token bucket that hands out small amounts.
import type { Clock } from "./ports.ts";

/** One grant is at most this long a time of the limit, so that bytes flow instead of coming in bursts. */
const SLICE_MS = 50;

export interface Limit {
  /** How many of `wanted` bytes may move now, at least 1; a promise where that takes waiting. First come first served. */
  grant(wanted: number): number | Promise<number>;
}

export const UNLIMITED: Limit = { grant: (wanted) => wanted };

/** `rate` in bytes a second. */
export function createLimit(clock: Clock, rate: number): Limit {
  const slice = Math.max(1, Math.floor((rate * SLICE_MS) / 1000));
  // The moment at which all that was granted so far has been paid for.
  let paidAt = clock.monotonic();
  return {
    grant(wanted) {
      const bytes = Math.min(wanted, slice);
      const now = clock.monotonic();
      const due = Math.max(paidAt, now - SLICE_MS);
      paidAt = due + (bytes / rate) * 1000;
      if (due <= now) return bytes;
      return new Promise((resolve) => clock.after(due - now, () => resolve(bytes)));
    },
  };
}
