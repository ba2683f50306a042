// Work that is done at once, on the thread that everybody shares: so much of it in one turn of the event loop, then others come first.

/** Bytes that may be copied or sent at once in one turn: some tenths of a millisecond. */
const BYTES_MAX: number = 2 * 1024 * 1024;

export interface Turns {
  /** Resolves when there is room in a turn: mostly in this one. */
  enter(): Promise<void>;
  spend(bytes: number): void;
}

export function createTurns(bytesMax: number = BYTES_MAX): Turns {
  let left = bytesMax;
  let next: Promise<void> | undefined;

  /** Begins the next turn's share. */
  function turn(): Promise<void> {
    next ??= new Promise((resolve) => {
      setImmediate(() => {
        next = undefined;
        left = bytesMax;
        resolve();
      });
    });
    return next;
  }

  return {
    async enter() {
      while (left <= 0) await turn();
    },
    spend(bytes) {
      left -= bytes;
      void turn();
    },
  };
}
