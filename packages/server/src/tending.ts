// When a server looks for what others have left undone: as soon as the claim of one that died may be over, and now and again.
import type { Clock, Engine, Log } from "@holdfast/engine";

/** Milliseconds from the end of one look to the next: as long as a claim lasts. */
export const TEND_EVERY_MS = 15_000;
/** A claim that is over by the clock of the records is asked for so many milliseconds later. */
const BEHIND_MS = 50;

/**
 * Goes on with what was completing or ending at a server that is gone, or in an earlier life of this one, until it is told to stop.
 * From now on and beside everything else: nobody who asks this server needs to wait for it, as they would at a server that is alone.
 */
export function keepTending(
  { recover }: Pick<Engine, "recover">,
  clock: Clock,
  log: Log,
): { stop(): void } {
  let isStopped = false;
  let isLooking = false;
  let callOff: (() => void) | undefined;
  /** When the next look is due, by `Clock.monotonic`. */
  let dueAt = Number.POSITIVE_INFINITY;

  function within(ms: number): void {
    const at = clock.monotonic() + ms;
    if (isStopped || at >= dueAt) return;
    dueAt = at;
    // What is heard during a look is for the next one.
    if (!isLooking) wait();
  }

  function wait(): void {
    callOff?.();
    callOff = clock.after(Math.max(0, dueAt - clock.monotonic()), () => void run());
  }

  async function run(): Promise<void> {
    isLooking = true;
    dueAt = Number.POSITIVE_INFINITY;
    try {
      await recover((leftMs) => within(leftMs + BEHIND_MS));
    } catch (cause) {
      if (!isStopped) log("warn", "tend.failed", { cause });
    }
    within(TEND_EVERY_MS);
    isLooking = false;
    if (!isStopped) wait();
  }

  void run();
  return {
    stop() {
      isStopped = true;
      callOff?.();
    },
  };
}
