// Rate and time left, from what was committed when.
import type { Clock } from "./ports.ts";

/** Share of the newest sample in the moving average. */
const WEIGHT = 0.25;
/** Commits come in lumps of a run: a sample covers at least this long a time. */
const SAMPLE_MS = 1_000;

export interface Meter {
  /** Notes the number of bytes committed so far, and gives the rate in bytes a second. */
  rate(committed: number): number;
}

export function createMeter(clock: Clock): Meter {
  let last: { readonly at: number; readonly committed: number } | undefined;
  let average: number | undefined;
  return {
    rate(committed) {
      const at = clock.monotonic();
      // What was there before the first look is not this process's doing; a withdrawal begins anew.
      if (!last || committed < last.committed) last = { at, committed };
      const ms = at - last.at;
      const sample = ms > 0 ? ((committed - last.committed) * 1000) / ms : 0;
      if (ms < SAMPLE_MS) return average ?? sample;
      average = average === undefined ? sample : average + WEIGHT * (sample - average);
      last = { at, committed };
      return average;
    },
  };
}
