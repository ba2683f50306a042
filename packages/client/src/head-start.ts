// The first bytes of a file, asked for beside its manifest: on a far line they come in a round trip that would carry nothing else.
import {
  type ByteRange,
  decodeContentRange,
  encodeRange,
  HoldfastError,
  MIB,
} from "@holdfast/protocol";
import type { Clock } from "./ports.ts";
import type { Wire, WireAnswer, WireRequest } from "./wire.ts";

/** As many as a line of 50 Mbit/s carries in a round trip of 160 ms; what nobody needs after all costs no more. */
export const HEAD_SIZE: number = MIB;

export interface HeadStart {
  /** Milliseconds, monotonic. */
  readonly askedAt: number;
  /**
   * Hands over those of the bytes at `range` that come, in order and as they come, if they are of the version with this ETag. Resolves with where they end once
   * no more of them will, or `signal` fires; what is handed over is valid until `take` is done with it.
   */
  pour(
    range: ByteRange,
    etag: string,
    take: (piece: Uint8Array) => void | Promise<void>,
    signal: AbortSignal,
  ): Promise<number>;
  /** No more comes; what has come may still be poured. */
  stop(): void;
}

/** Asks at once. Never rejects: what does not come is asked for again by whoever needs it. */
export function startHead(
  wire: Wire,
  clock: Clock,
  { url, attempt }: Pick<WireRequest, "url" | "attempt">,
): HeadStart {
  const bytes = new Uint8Array(HEAD_SIZE);
  const stopping = new AbortController();
  let etag: string | undefined;
  let filled = 0;
  let isOver = false;
  let more = Promise.withResolvers<void>();

  const tell = (): void => {
    more.resolve();
    more = Promise.withResolvers();
  };
  const take = (piece: Uint8Array): void => {
    if (filled + piece.length > HEAD_SIZE) throw new HoldfastError("not_holdfast");
    if (piece.buffer !== bytes.buffer) bytes.set(piece, filled);
    filled += piece.length;
    tell();
  };
  const request: WireRequest = {
    ...{ method: "GET", url, attempt, signal: stopping.signal },
    headers: {
      ...{ range: encodeRange({ start: 0, end: HEAD_SIZE }), "accept-encoding": "identity" },
      // Whatever version there is, but from the server itself: a store that it leads to has no tag that says which.
      "if-match": "*",
    },
    room: (at) => bytes.subarray(at),
  };
  wire
    .send(request, async (answer) => {
      etag = tagOf(answer);
      await answer.read(take);
    })
    .catch(() => "whoever needs these bytes finds out why they do not come")
    .finally(() => {
      isOver = true;
      tell();
    });

  return {
    askedAt: clock.monotonic(),
    async pour({ start, end }, wanted, hand, signal) {
      const aborted = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => aborted.resolve(), { once: true });
      for (let at = start; ; ) {
        if (etag !== undefined && etag !== wanted) return at;
        const upTo = etag === wanted ? Math.min(end, filled) : at;
        if (upTo > at) await hand(bytes.subarray(at, upTo));
        else if (isOver || at >= Math.min(end, HEAD_SIZE)) return at;
        else await Promise.race([more.promise, aborted.promise]);
        at = Math.max(at, upTo);
        if (signal.aborted) return at;
      }
    },
    stop: () => stopping.abort(new HoldfastError("aborted")),
  };
}

/** @throws HoldfastError where the answer is not what was asked for: nobody reads it then */
function tagOf(answer: WireAnswer): string {
  const isPlain = (answer.header("content-encoding") ?? "identity") === "identity";
  const range = decodeContentRange(answer.header("content-range"));
  const etag = answer.header("etag");
  if (isPlain && answer.status === 206 && range?.start === 0 && etag !== undefined) return etag;
  throw new HoldfastError("not_holdfast");
}
