// A stream from a store, lent to a reader: it is taken back from one who takes nothing, because connections to the store are few, and whoever waits for one waits for him.
import type { Clock } from "@holdfast/engine";

/** Milliseconds that a reader may keep a piece and the connection behind it. */
const SLOW_MS = 1000;
const LOOK_MS = 500;

/**
 * The pieces, as far as they were taken in time; resolves with whether all of them were.
 * @param onPiece Called with the size of each before it is given.
 */
export async function* lend(
  clock: Clock,
  pieces: AsyncIterable<Uint8Array>,
  onPiece: (size: number) => void,
): AsyncGenerator<Uint8Array, boolean, void> {
  const source = pieces[Symbol.asyncIterator]();
  let givenAt: number | undefined;
  let isTakenBack = false;
  let callOff = clock.after(LOOK_MS, look);

  function look(): void {
    if (givenAt === undefined || clock.monotonic() - givenAt < SLOW_MS) {
      callOff = clock.after(LOOK_MS, look);
      return;
    }
    isTakenBack = true;
    // Nobody waits for a piece of it now, so that it ends at once.
    void source.return?.();
  }

  try {
    while (!isTakenBack) {
      const next = await source.next();
      if (next.done) return true;
      onPiece(next.value.length);
      givenAt = clock.monotonic();
      yield next.value;
      givenAt = undefined;
    }
    return false;
  } finally {
    callOff();
    await source.return?.();
  }
}
