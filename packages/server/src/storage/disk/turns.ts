// Work that is done at once, on the thread that everybody shares: so much of it in one turn of the event loop, then others come first.

/** Bytes that may be copied or sent at once in one turn: some tenths of a millisecond. */
const BYTES_MAX: number = 2 * 1024 * 1024;

export interface Turns {
  /** Resolves when there is room in a turn, mostly in this one; first come first served. Whoever has come in spends, be it nothing. */
  enter(): Promise<void> | undefined;
  spend(bytes: number): void;
}

export function createTurns(bytesMax: number = BYTES_MAX): Turns {
  let left = bytesMax;
  let isTurning = false;
  const waiting: (() => void)[] = [];

  /** Begins the next turn's share. */
  function turn(): void {
    if (isTurning) return;
    isTurning = true;
    setImmediate(() => {
      isTurning = false;
      left = bytesMax;
      letIn();
    });
  }

  /** One at a time: only what it has spent tells whether there is room for another. */
  function letIn(): void {
    if (left > 0) waiting.shift()?.();
    else if (waiting.length > 0) turn();
  }

  return {
    enter() {
      if (left > 0 && waiting.length === 0) return undefined;
      turn();
      return new Promise((resolve) => {
        waiting.push(resolve);
      });
    },
    spend(bytes) {
      left -= bytes;
      if (left < bytesMax) turn();
      letIn();
    },
  };
}
