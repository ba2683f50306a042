// When the server sweeps: once at the start, then every half an hour.
import type { Clock, Engine, Log } from "@holdfast/engine";
import type { ClockGuard } from "./clock-guard.ts";

/** Milliseconds from the end of one sweep to the next. */
export const SWEEP_EVERY_MS: number = 30 * 60 * 1000;

/** Sweeps now and again until it is told to stop. What a sweep meets is logged: the next one tries again. */
export function keepSweeping(
  { sweep }: Pick<Engine, "sweep">,
  clock: Clock,
  log: Log,
  guard: Pick<ClockGuard, "isHeld">,
): { stop(): void } {
  let callOff: (() => void) | undefined;
  let isStopped = false;

  async function run(): Promise<void> {
    try {
      await sweep("server", { isDryRun: false, isHeld: guard.isHeld });
    } catch (cause) {
      // The stop has ended it, as it would have been ended before it began.
      if (!isStopped) log("error", "sweep.failed", { cause });
    }
    if (!isStopped) callOff = clock.after(SWEEP_EVERY_MS, () => void run());
  }

  void run();
  return {
    stop() {
      isStopped = true;
      callOff?.();
    },
  };
}
