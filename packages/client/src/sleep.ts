// Waiting that can be called off.
import type { Clock } from "./ports.ts";

/** Resolves after `ms`; rejects with the signal's reason once that fires. */
export function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const wake = () => {
      callOff();
      reject(signal.reason);
    };
    const callOff = clock.after(ms, () => {
      signal.removeEventListener("abort", wake);
      resolve();
    });
    signal.addEventListener("abort", wake, { once: true });
  });
}
