// Who is served next: the order in which simulated operations come to their end.
import { createRandom } from "../random.ts";

/** Calls `run` later, once. */
export type Schedule = (run: () => void) => void;

/**
 * One operation a turn of the event loop, a random one of those that wait: the last write may well be the first to finish.
 * The same seed and the same program give the same order.
 */
export function createSeededSchedule(seed: string | number): Schedule {
  const random = createRandom(`schedule/${seed}`);
  const waiting: (() => void)[] = [];
  let isTurning = false;
  const turn = () => {
    const [run] = waiting.splice(random.whole(waiting.length), 1);
    run?.();
    isTurning = waiting.length > 0;
    if (isTurning) setImmediate(turn);
  };
  return (run) => {
    waiting.push(run);
    if (!isTurning) setImmediate(turn);
    isTurning = true;
  };
}

export interface ManualSchedule {
  readonly schedule: Schedule;
  waiting(): number;
  /** Lets one operation end, by default the one that has waited longest. */
  step(index?: number): void;
}

/** Nothing ends before the test says so. */
export function createManualSchedule(): ManualSchedule {
  const waiting: (() => void)[] = [];
  return {
    schedule: (run) => waiting.push(run),
    waiting: () => waiting.length,
    step(index = 0) {
      const [run] = waiting.splice(index, 1);
      if (!run) throw new RangeError(`no operation waits at ${index}`);
      run();
    },
  };
}
