// Tells of changes that come in quick succession: some of them only, but always the last.
import type { Clock } from "./ports.ts";

/** Of changes that follow one another, one is told of this often, in milliseconds. */
const EVERY_MS = 200;

export interface Pulse {
  /** Something changed: tells at once where nothing was told for a while, else as soon as that has passed. */
  soon(): void;
  /** Something changed that another change is likely to follow at once. */
  later(): void;
  now(): void;
  /** Tells what is not told yet; nothing waits any more. */
  settle(): void;
}

export function createPulse(clock: Clock, tell: () => void): Pulse {
  let toldAt = clock.monotonic();
  let callOff: (() => void) | undefined;

  function now(): void {
    callOff?.();
    callOff = undefined;
    toldAt = clock.monotonic();
    tell();
  }

  return {
    now,
    soon() {
      const left = toldAt + EVERY_MS - clock.monotonic();
      if (left <= 0) now();
      else callOff ??= clock.after(left, now);
    },
    later() {
      callOff ??= clock.after(EVERY_MS, now);
    },
    settle() {
      if (callOff) now();
    },
  };
}
