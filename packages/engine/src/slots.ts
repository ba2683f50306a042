// The pool of memory that bodies pass through: page-aligned slots of 256 KiB, so that direct I/O takes them as they are.

/** Bytes in a slot. */
export const SLOT_SIZE: number = 256 * 1024;
const PAGE_SIZE = 64 * 1024;

// Every platform we run on has it; only the type libraries that describe it bring a whole browser along.
declare const WebAssembly: {
  readonly Memory: new (size: {
    readonly initial: number;
    readonly maximum: number;
  }) => { readonly buffer: ArrayBuffer };
};

/** A piece of aligned memory, lent by the pool to one holder at a time. */
export interface Slot {
  readonly memory: Uint8Array;
}

/** Above this many requests with bytes, each may hold 2 slots; below, up to 8. */
const CROWD = 32;
const SHARE_CROWDED = 2;
const SHARE_QUIET = 8;

export interface SlotPool {
  /** Slots that one request may hold at once, as things stand. */
  share(): number;
  /** Whether so many requests have bytes that each has to do with little. */
  isCrowded(): boolean;
  /** Registers a request that holds or waits for slots; the returned function takes it out again. */
  enter(): () => void;
  /** Resolves with a slot, first come first served. */
  take(): Promise<Slot>;
  /** A slot if one is free; whoever waits comes first. */
  tryTake(): Slot | undefined;
  /** A slot for somebody who may keep it for long, and can do without: a quarter of them is not for such. */
  trySpare(): Slot | undefined;
  /** Whether so many could be had by `trySpare` now. */
  hasSpare(count: number): boolean;
  /** A place in the queue for a slot. */
  queue(): Place;
  /** Places in the queue now. */
  waiting(): number;
  give(slot: Slot): void;
  /** Slots lent out now. */
  lent(): number;
}

export interface Place {
  readonly slot: Promise<Slot>;
  /** Gives the place up; false if the slot has been handed over already. */
  leave(): boolean;
}

/** A pool of `size` bytes of address space; memory is used only as far as slots are lent at once, the last returned first. */
export function createSlotPool(size: number): SlotPool {
  const count = Math.max(1, Math.floor(size / SLOT_SIZE));
  // A WebAssembly memory begins at a page boundary: plain buffers do not.
  const pages = (count * SLOT_SIZE) / PAGE_SIZE;
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const free: Slot[] = [];
  for (let at = count - 1; at >= 0; at--) {
    free.push({ memory: new Uint8Array(buffer, at * SLOT_SIZE, SLOT_SIZE) });
  }
  // In the order of arrival: a Set keeps insertions in order, and anybody may leave.
  const waiting = new Set<(slot: Slot) => void>();
  let requests = 0;

  function queue(): Place {
    const { promise, resolve } = Promise.withResolvers<Slot>();
    waiting.add(resolve);
    return { slot: promise, leave: () => waiting.delete(resolve) };
  }

  return {
    share: () => (requests > CROWD ? SHARE_CROWDED : SHARE_QUIET),
    isCrowded: () => requests > CROWD,
    enter() {
      requests++;
      let isIn = true;
      return () => {
        if (isIn) requests--;
        isIn = false;
      };
    },
    take() {
      const slot = free.pop();
      return slot ? Promise.resolve(slot) : queue().slot;
    },
    tryTake: () => free.pop(),
    trySpare: () => (free.length > Math.floor(count / 4) ? free.pop() : undefined),
    hasSpare: (wanted) => free.length - Math.floor(count / 4) >= wanted,
    queue,
    waiting: () => waiting.size,
    give(slot) {
      const [next] = waiting;
      if (!next) return void free.push(slot);
      waiting.delete(next);
      next(slot);
    },
    lent: () => count - free.length,
  };
}
