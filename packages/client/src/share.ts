// What transfers side by side share: the runs that may be in flight, the memory these take, the rate, and where Holdfast has answered.
import { createLimit, type Limit } from "./limit.ts";
import { MEMORY } from "./line.ts";
import type { Clock } from "./ports.ts";

export interface Share {
  /** Of all of them together; undefined leaves each transfer to its own. */
  readonly limit: Limit | undefined;
  /** Addresses at which Holdfast has answered any of them; undefined leaves each transfer to its own. */
  readonly answered: Set<string> | undefined;
  /** Bytes that all runs in flight may hold together now: longer ones than that would each go alone. */
  memory(): number;
  /** Waits for room for a run of this many bytes, first come first served. Rejects with the signal's reason. */
  admit(bytes: number, signal: AbortSignal): Promise<Room>;
}

/** What a run has while it is in flight. Each may be given back more than once. */
export interface Room {
  /** The run goes on, and needs no memory for that. */
  freeMemory(): void;
  /** The run has ended. */
  leave(): void;
}

/** For a transfer that is alone: its own schedule bounds it. */
export const ALONE: Share = {
  limit: undefined,
  answered: undefined,
  memory: () => MEMORY,
  admit: async () => ({ freeMemory: () => undefined, leave: () => undefined }),
};

export interface ShareOptions {
  /** Runs in flight at most. */
  readonly inFlight: number;
  /** Bytes that all runs in flight hold together, which may change; one that is larger than that goes once no other holds any. */
  readonly memory: number | (() => number);
  /** Bytes a second. */
  readonly limitRate?: number;
}

interface Waiter {
  readonly bytes: number;
  readonly enter: () => void;
}

export function createShare(clock: Clock, { inFlight, memory, limitRate }: ShareOptions): Share {
  const waiting: Waiter[] = [];
  let runs = 0;
  let used = 0;

  const memoryNow = typeof memory === "function" ? memory : () => memory;
  const fits = (bytes: number) => used === 0 || used + bytes <= memoryNow();
  const hasRoom = (bytes: number) => runs === 0 || (runs < inFlight && fits(bytes));

  function enter(bytes: number): Room {
    runs++;
    used += bytes;
    let held = bytes;
    let isIn = true;
    const freeMemory = () => {
      used -= held;
      held = 0;
      callNext();
    };
    const leave = () => {
      if (isIn) runs--;
      isIn = false;
      freeMemory();
    };
    return { freeMemory, leave };
  }

  function callNext(): void {
    for (let [first] = waiting; first && hasRoom(first.bytes); [first] = waiting) {
      waiting.shift();
      first.enter();
    }
  }

  return {
    limit: limitRate === undefined ? undefined : createLimit(clock, limitRate),
    answered: new Set(),
    memory: memoryNow,
    async admit(bytes, signal) {
      signal.throwIfAborted();
      if (waiting.length === 0 && hasRoom(bytes)) return enter(bytes);
      return new Promise((resolve, reject) => {
        const leave = () => {
          waiting.splice(waiting.indexOf(waiter), 1);
          reject(signal.reason);
          callNext();
        };
        const waiter: Waiter = {
          bytes,
          enter() {
            signal.removeEventListener("abort", leave);
            resolve(enter(bytes));
          },
        };
        signal.addEventListener("abort", leave, { once: true });
        waiting.push(waiter);
      });
    },
  };
}
