// Bytes of an append that a store of whole parts is to take: they gather in slots until their part is whole, or until they are due as an object of its tail.
import type { Context } from "./context.ts";
import type { Filled } from "./intake.ts";
import { SLOT_SIZE, type Slot } from "./slots.ts";
import type { FillingPart } from "./tail.ts";
import { TAIL_BYTES } from "./tail-objects.ts";

/** Milliseconds that bytes wait at most for those that make their part whole, besides the 2 s that a slot may take to fill. */
const TAIL_MS = 3_000;
/** Groups whose memory is not free yet while the next one gathers. */
const PENDING_MAX = 3;

/** Bytes that follow on what is known of their part; with them it has `size` bytes and this digest. */
export interface Group {
  readonly index: number;
  readonly size: number;
  readonly digest: Uint8Array;
  /** The part ends with them. */
  readonly isWhole: boolean;
  readonly pieces: readonly Uint8Array[];
  /** Gives their memory back: nobody reads it any more. */
  release(): void;
}

export interface GatherOptions {
  /** Whether bytes are due after a while. Else they wait for the end of their part or body, or until others need the memory. */
  readonly isTimed: boolean;
  /** Takes a group; resolves when it was released, whatever came of it. */
  readonly store: (group: Group) => Promise<void>;
  /** @throws why there is no point in reading on. */
  readonly requireGoing: () => void;
}

export interface Gathering {
  /** A slot for the bytes that come next. Where there is none what has gathered is stored first. @throws HoldfastError `overloaded` */
  take(): Promise<Slot>;
  /** Takes bytes of a part, which are counted in it already; resolves when there is room for more. */
  keep(part: FillingPart, filled: Filled): Promise<void>;
  /** Stores what has gathered; `end` is a part that ends with the bytes it has. */
  flush(end?: FillingPart): void;
  /** What has gathered, for whoever releases it. */
  takeOut(end?: FillingPart): Group | undefined;
}

interface Open {
  readonly part: FillingPart;
  readonly filled: { readonly slot: Slot; size: number }[];
}

export function createGathering(
  { slots, crowd, clock }: Context,
  { isTimed, store, requireGoing }: GatherOptions,
): Gathering {
  let open: Open | undefined;
  let gathered = 0;
  let pending = 0;
  let callOff: (() => void) | undefined;
  let endFilling: (() => void) | undefined;
  let wake: (() => void)[] = [];

  function changed(): void {
    const waiting = wake;
    wake = [];
    for (const resolve of waiting) resolve();
  }
  function change(): Promise<void> {
    return new Promise((resolve) => void wake.push(resolve));
  }

  function takeOut(end?: FillingPart): Group | undefined {
    const part = end ?? open?.part;
    if (!part) return undefined;
    const filled = open?.filled ?? [];
    callOff?.();
    endFilling?.();
    [open, gathered, callOff, endFilling] = [undefined, 0, undefined, undefined];
    const { index, size, whole, digest } = part;
    return {
      ...{ index, size, digest: digest.snapshot() },
      isWhole: end !== undefined || size === whole,
      pieces: filled.map(({ slot, size }) => slot.memory.subarray(0, size)),
      release() {
        for (const { slot } of filled.splice(0)) slots.give(slot);
      },
    };
  }

  function flush(end?: FillingPart): void {
    const group = takeOut(end);
    if (!group) return;
    pending++;
    void store(group).finally(() => {
      pending--;
      changed();
    });
  }

  /** Every slot but the last is full, however little comes at a time. */
  function add(filled: Open["filled"], { slot, size }: Filled): void {
    const last = filled.at(-1);
    const moved = last ? Math.min(SLOT_SIZE - last.size, size) : 0;
    if (last && moved > 0) {
      last.slot.memory.set(slot.memory.subarray(0, moved), last.size);
      last.size += moved;
      slot.memory.copyWithin(0, moved, size);
    }
    if (moved === size) slots.give(slot);
    else filled.push({ slot, size: size - moved });
    gathered += size;
  }

  return {
    async take() {
      for (;;) {
        requireGoing();
        const slot = slots.trySpare();
        if (slot) return slot;
        if (pending === 0) break;
        await change();
      }
      flush();
      return crowd.take();
    },
    async keep(part, filled) {
      // A whole part waits for the bytes behind it: where none come, the end of the body says whether it was right.
      if (open && open.part.index !== part.index) flush();
      open ??= { part, filled: [] };
      add(open.filled, filled);
      if (gathered >= TAIL_BYTES && part.size < part.whole) flush();
      else {
        if (isTimed) callOff ??= clock.after(TAIL_MS, flush);
        endFilling ??= crowd.filling(flush);
      }
      while (pending > PENDING_MAX) await change();
      requireGoing();
    },
    flush,
    takeOut,
  };
}
