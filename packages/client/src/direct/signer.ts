// Signed requests for parts, asked for in batches just before they are needed.
import { HoldfastError, type PartDigest, type PartRequest } from "@holdfast/protocol";
import type { Clock } from "../ports.ts";

/** What brings one part to where it is stored. */
export interface Ticket {
  readonly request: PartRequest;
  /** What the request is bound to. */
  readonly digest: Uint8Array;
}

export interface SignerParts {
  readonly clock: Pick<Clock, "monotonic" | "now">;
  /** Parts in one batch at most. */
  readonly batchMax: number;
  readonly partCount: number;
  /** Parts that nobody will ask for. */
  readonly isSettled: (index: number) => boolean;
  readonly digest: (index: number, signal: AbortSignal) => Promise<Uint8Array>;
  /** Resolves with requests, and how long each may be used, in milliseconds. */
  readonly ask: (parts: readonly PartDigest[], signal: AbortSignal) => Promise<readonly Signed[]>;
}

export interface Signed {
  readonly request: PartRequest;
  readonly leftMs: number;
}

export interface Signer {
  /** What brings this part; the same as before while that is in force. Rejects with the signal's reason, or with what asking met. */
  take(index: number, signal: AbortSignal): Promise<Ticket>;
  /** It was refused: whatever was signed together with it, or before, is asked for anew. */
  refuse(ticket: Ticket): void;
  /** The part is where it belongs. */
  settle(index: number): void;
  /** Asks for nothing more; resolves when nothing reads any more. */
  end(): Promise<void>;
}

/** The first bytes should go out soon; then batches double, where the line takes one in so many milliseconds. */
const BATCH_FIRST = 4;
const BATCH_MS = 20_000;
/** On a slow line, requests would end before their turn comes: where a batch lasts as long as this, the next one has half as many. */
const BATCH_MS_MAX = 60_000;
/** A request is not begun with one that ends within this time, or within a quarter of its life. */
const MARGIN_MS = 30_000;

interface Held extends Ticket {
  /** By the monotonic clock: a clock that is wrong, or jumps, makes none of them live longer. */
  readonly until: number;
  /** By the other one, which also goes on while the machine sleeps: none of them outlives a night. */
  readonly untilDate: number;
  readonly batch: number;
}

export function createSigner(parts: SignerParts): Signer {
  const { clock, batchMax, partCount, isSettled, digest, ask } = parts;
  const held = new Map<number, Held>();
  const asking = new Map<number, Promise<void>>();
  const settled = new Set<number>();
  const ending = new AbortController();
  let size = Math.min(BATCH_FIRST, batchMax);
  let batches = 0;
  let begunAt = clock.monotonic();

  function valid(index: number): Held | undefined {
    const one = held.get(index);
    const isInForce = one && one.until > clock.monotonic() && one.untilDate > clock.now();
    return isInForce ? one : undefined;
  }

  /** Parts from this one on that will need a request and have none. */
  function wanted(from: number): readonly number[] {
    const indexes: number[] = [];
    for (let index = from; index < partCount && indexes.length < size; index++) {
      const isOut = isSettled(index) || settled.has(index) || asking.has(index);
      if (!isOut && !valid(index)) indexes.push(index);
    }
    return indexes;
  }

  async function sign(indexes: readonly number[], batch: number): Promise<void> {
    const { signal } = ending;
    const wants: PartDigest[] = [];
    for (const index of indexes) wants.push({ index, digest: await digest(index, signal) });
    for (const { request, leftMs } of await ask(wants, signal)) {
      const want = wants.find(({ index }) => index === request.index);
      const usableMs = leftMs - Math.min(MARGIN_MS, leftMs / 4);
      const [until, untilDate] = [clock.monotonic() + usableMs, clock.now() + usableMs];
      if (want) held.set(want.index, { request, digest: want.digest, until, untilDate, batch });
    }
  }

  function begin(indexes: readonly number[]): Promise<void> {
    batches++;
    const lastedMs = clock.monotonic() - begunAt;
    begunAt += lastedMs;
    if (lastedMs <= BATCH_MS) size = Math.min(batchMax, size * 2);
    else if (lastedMs > BATCH_MS_MAX) size = Math.max(1, size >> 1);
    const signing = sign(indexes, batches).finally(() => {
      for (const index of indexes) asking.delete(index);
    });
    for (const index of indexes) asking.set(index, signing);
    // Whoever waits for it is told; of one that is ahead of its time, nobody is.
    signing.catch(() => undefined);
    return signing;
  }

  /** Once less than the last batch had is left, the next one is asked for: no connection waits for it. */
  function lookAhead(index: number): void {
    if (asking.size > 0 || ending.signal.aborted) return;
    const ahead = [...held.keys()].filter((one) => one > index && valid(one)).length;
    const next = ahead * 2 < size ? wanted(index + 1) : [];
    if (next.length > 0) void begin(next);
  }

  return {
    async take(index, signal) {
      for (let tries = 0; ; tries++) {
        signal.throwIfAborted();
        const ticket = valid(index);
        if (ticket) {
          lookAhead(index);
          return ticket;
        }
        // An answer without the part that was asked for would be asked for for ever.
        if (tries === 2) {
          throw new HoldfastError("not_holdfast", `no request for part ${index} was signed`);
        }
        const others = wanted(index + 1).slice(0, size - 1);
        await unlessAborted(asking.get(index) ?? begin([index, ...others]), signal);
      }
    },
    refuse(ticket) {
      const [, refused] = [...held].find(([, one]) => one === ticket) ?? [];
      for (const [index, { batch }] of held)
        if (refused && batch <= refused.batch) held.delete(index);
    },
    settle(index) {
      settled.add(index);
      held.delete(index);
    },
    async end() {
      ending.abort(new HoldfastError("aborted"));
      await Promise.allSettled(asking.values());
    },
  };
}

/** What others wait for too goes on without us. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
