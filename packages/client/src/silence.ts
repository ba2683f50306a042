// How long one request may be silent: by the pace of its line, and longer after each stall in a row.
import { HoldfastError, toHoldfastError } from "@holdfast/protocol";
import type { Pace, Silence } from "./pace.ts";
import type { Clock } from "./ports.ts";
import type { Allowed } from "./watch.ts";

/** Bytes a second of an answer at least, over as long as a silence may last: less than that no line carries, and there would be no end of it. */
const RATE_MIN = 256;

/** After more stalls in a row, no server is waited for longer than after this many. */
const STALLS_MAX = 5;

/** How often the usual silence there may be once the whole body is handed over: what lies between may still be sending it, or the server's disk be slow. */
export interface Patience {
  learn<T>(send: (times: number) => Promise<T>): Promise<T>;
}

/** Twice as long after each stall in a row; of those that began together, one counts. */
export function createPatience(): Patience {
  let stalls = 0;
  return {
    async learn(send) {
      const before = stalls;
      try {
        const result = await send(2 ** Math.min(before, STALLS_MAX));
        stalls = 0;
        return result;
      } catch (error) {
        if (toHoldfastError(error).code === "stalled") stalls = Math.max(stalls, before + 1);
        throw error;
      }
    },
  };
}

export interface Patient {
  readonly pace: Pace;
  readonly times: number;
}

/** Keeps account of one request's silences. */
export interface Listener {
  /** A silence of this kind begins now; what was before says nothing. */
  begins(kind: Silence | "thinking"): void;
  /**
   * Bytes moved, so many of an answer where that is told: the silence was one that is nothing to worry about, and the next one begins.
   *
   * @throws HoldfastError `stalled` where silence follows silence with next to nothing between them
   */
  ends(next: Silence | "thinking", received?: number): void;
}

export function listen(
  clock: Clock,
  stallMs: number,
  { pace, times }: Patient,
  touch: (allowed?: Allowed) => void,
): Listener {
  let kind: Silence | "thinking" = "thinking";
  let since = clock.monotonic();
  let silentMs = 0;
  let received = 0;
  const begins: Listener["begins"] = (next) => {
    kind = next;
    since = clock.monotonic();
    if (next === "thinking") return touch(() => stallMs * times);
    const usualMs = next === "waiting" ? stallMs * times : stallMs;
    touch((at) => Math.min(usualMs, pace.allowedMs(next, at, usualMs / times) * times));
  };
  return {
    begins,
    ends(next, bytes = 0) {
      const ms = clock.monotonic() - since;
      if (kind !== "thinking") pace.note(kind, ms);
      if (kind === "receiving") {
        silentMs += ms;
        received += bytes;
        if (silentMs >= stallMs) {
          if (received * 1000 < RATE_MIN * silentMs) throw trickles(received, silentMs);
          silentMs = 0;
          received = 0;
        }
      }
      begins(next);
    },
  };
}

function trickles(bytes: number, ms: number): HoldfastError {
  const why = `no more than ${bytes} bytes came in ${Math.round(ms / 1000)} s`;
  return new HoldfastError("stalled", why, { silentMs: Math.round(ms) });
}
