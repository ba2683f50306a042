// Tells of something that changes all the time now and then only, and of the last change too.

export interface ThrottleClock {
  /** Milliseconds, monotonic. */
  now(): number;
  /** Calls `task` once after `ms`; the returned function calls it off. */
  after(ms: number, task: () => void): () => void;
}

export interface Throttle {
  /** Something has changed: it is told at once, or when the interval since it was told last is over. */
  changed(): void;
  /** Tells at once what was held back, or that `isUrgent`. */
  flush(isUrgent?: "urgent"): void;
  /** Nothing is told any more, what was held back neither. */
  stop(): void;
}

/** `toldAt`: when it was told last, on the same clock. */
export function createThrottle(
  { now, after }: ThrottleClock,
  ms: number,
  tell: () => void,
  toldAt: number = Number.NEGATIVE_INFINITY,
): Throttle {
  let last = toldAt;
  let callOff: (() => void) | undefined;
  let isOver = false;

  function tellNow(): void {
    callOff?.();
    callOff = undefined;
    last = now();
    tell();
  }

  return {
    changed() {
      if (callOff || isOver) return;
      const left = last + ms - now();
      if (left > 0) callOff = after(left, tellNow);
      else tellNow();
    },
    flush(isUrgent) {
      if (callOff || (isUrgent && !isOver)) tellNow();
    },
    stop() {
      isOver = true;
      callOff?.();
      callOff = undefined;
    },
  };
}
