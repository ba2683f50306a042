// When a server looks for what others have left undone: as soon as the claim of one that died may be over, again and again.
import type { Clock, Engine, Log } from "@holdfast/engine";

/** Milliseconds from the end of one look to the next: as long as a claim lasts. */
export const TEND_EVERY_MS = 15_000;

/** Goes on with what was completing or ending at a server that is gone, until it is told to stop. */
export function keepTending(
  { recover }: Pick<Engine, "recover">,
  clock: Clock,
  log: Log,
): { stop(): void } {
  let isStopped = false;
  let callOff = clock.after(TEND_EVERY_MS, () => void run());

  async function run(): Promise<void> {
    try {
      await recover();
    } catch (cause) {
      if (!isStopped) log("warn", "tend.failed", { cause });
    }
    if (!isStopped) callOff = clock.after(TEND_EVERY_MS, () => void run());
  }

  return {
    stop() {
      isStopped = true;
      callOff();
    },
  };
}
