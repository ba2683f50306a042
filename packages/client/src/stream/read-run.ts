// Runs of whole parts out of a stream that comes as it pleases.
import { HoldfastError } from "@holdfast/protocol";
import type { Clock } from "../ports.ts";

/** Bytes as they come; undefined at the end. Once ended, it is not asked again. */
export interface ByteStream {
  read(): Promise<Uint8Array | undefined>;
  /** Nobody reads on. */
  close(): void;
}

export interface RunReader {
  /**
   * Fills `into`; resolves with the number of bytes, fewer only at the stream's end, or where whole parts have waited for more for `patienceMs`: what comes
   * slowly must not wait for a run to be full. Never twice at once.
   */
  fill(into: Uint8Array): Promise<{ readonly bytes: number; readonly isEnd: boolean }>;
}

export function createRunReader(
  stream: ByteStream,
  { partSize, patienceMs, clock }: { partSize: number; patienceMs: number; clock: Clock },
): RunReader {
  let rest: Uint8Array | undefined;
  /** A question to the stream that nobody waits for any more, but that was asked. */
  let asked: Promise<Uint8Array | undefined> | undefined;
  let isEnd = false;

  /** Bytes, or undefined at the end. */
  async function more(): Promise<Uint8Array | undefined> {
    if (rest) return rest;
    if (isEnd) return undefined;
    asked ??= stream.read();
    const piece = await asked;
    asked = undefined;
    rest = piece;
    isEnd = piece === undefined;
    return piece;
  }

  return {
    async fill(into) {
      const until = clock.monotonic() + patienceMs;
      let bytes = 0;
      while (bytes < into.length) {
        const isWhole = bytes > 0 && bytes % partSize === 0;
        const piece = isWhole ? await soon(more(), until - clock.monotonic(), clock) : await more();
        if (piece === "late" || piece === undefined) break;
        // Up to the end of the part, so that its border is looked at.
        const fitting = Math.min(piece.length, partSize - (bytes % partSize));
        into.set(piece.subarray(0, fitting), bytes);
        rest = fitting < piece.length ? piece.subarray(fitting) : undefined;
        bytes += fitting;
      }
      return { bytes, isEnd };
    },
  };
}

/** What a promise brings within `ms`, or that it takes longer. */
function soon<T>(promise: Promise<T>, ms: number, clock: Clock): Promise<T | "late"> {
  return new Promise((resolve, reject) => {
    const callOff = clock.after(Math.max(0, ms), () => resolve("late"));
    const settle = (task: () => void) => {
      callOff();
      task();
    };
    promise.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}

/** An async iterable as a stream of bytes. @throws HoldfastError `source_unreadable` for whatever goes wrong in it */
export function streamOf(pieces: AsyncIterable<unknown>): ByteStream {
  const iterator = pieces[Symbol.asyncIterator]();
  return {
    async read() {
      try {
        for (;;) {
          const { done, value } = await iterator.next();
          if (done) return undefined;
          if (!(value instanceof Uint8Array)) throw new TypeError("it gives no bytes");
          if (value.length > 0) return value;
        }
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new HoldfastError("source_unreadable", why, {}, error);
      }
    },
    close: () => void iterator.return?.().catch(() => undefined),
  };
}
