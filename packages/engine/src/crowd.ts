// When memory is short: requests queue for a slot, but not for ever and not without end, and slow bodies make room.
import { HoldfastError } from "@holdfast/protocol";
import type { Clock } from "./ports.ts";
import type { Slot, SlotPool } from "./slots.ts";

/** Requests that may wait for memory. Each keeps what the kernel has handed over of its body, so this bounds memory beside the pool. */
const WAITING_MAX = 1024;
/** How long one waits, in milliseconds, before it is told to come again. */
const WAIT_MS = 10_000;
/** A body that has been filling one slot for longer than this comes at less than 1 MiB/s and can do with less. */
const SLOW_MS = 250;
const LOOK_MS = 100;
/** Seconds until it is worth asking again. */
const RETRY_AFTER_S = 2;

export interface Crowd {
  /**
   * A slot, at once or within 10 s.
   * @throws HoldfastError `overloaded`
   */
  take(): Promise<Slot>;
  /** Tells that a body fills a slot from now on. `makeRoom` is called, at most once, when others have waited for it; the returned function ends it. */
  filling(makeRoom: () => void): () => void;
}

interface Filling {
  readonly since: number;
  readonly makeRoom: () => void;
}

interface CrowdParts {
  readonly slots: SlotPool;
  readonly clock: Clock;
}

export function createCrowd({ slots, clock }: CrowdParts): Crowd {
  // In the order of their beginning, so that the slowest comes first.
  const fillings = new Set<Filling>();
  let isLooking = false;

  /** The one timer, and only while somebody waits. */
  function look(): void {
    isLooking = slots.waiting() > 0;
    if (!isLooking) return;
    makeRoom();
    clock.after(LOOK_MS, look);
  }

  function makeRoom(): void {
    let wanted = slots.waiting();
    const before = clock.monotonic() - SLOW_MS;
    for (const filling of fillings) {
      if (wanted-- === 0 || filling.since > before) return;
      fillings.delete(filling);
      filling.makeRoom();
    }
  }

  async function wait(): Promise<Slot> {
    if (slots.waiting() >= WAITING_MAX) throw overloaded();
    const { slot, leave } = slots.queue();
    if (!isLooking) look();
    const { promise: refused, reject } = Promise.withResolvers<never>();
    const stopWaiting = clock.after(WAIT_MS, () => leave() && reject(overloaded()));
    try {
      return await Promise.race([slot, refused]);
    } finally {
      stopWaiting();
    }
  }

  return {
    take() {
      const slot = slots.tryTake();
      return slot ? Promise.resolve(slot) : wait();
    },
    filling(makeRoomOnce) {
      const filling = { since: clock.monotonic(), makeRoom: makeRoomOnce };
      fillings.add(filling);
      return () => fillings.delete(filling);
    },
  };
}

function overloaded(): HoldfastError {
  return new HoldfastError("overloaded", undefined, { retryAfter: RETRY_AFTER_S });
}
