// Takes a body into slots. One that is slow while others wait for memory goes on through a small buffer of its own.
import type { Context } from "./context.ts";
import type { Body } from "./ports.ts";
import type { Slot } from "./slots.ts";
import type { Writer } from "./writer.ts";

export interface Filled {
  readonly slot: Slot;
  /** Bytes at the beginning of the slot, never none: as many as were wanted, or fewer: a multiple of 4 KiB where the body is slow, anything where it has ended or nobody waits for more. */
  readonly size: number;
}

export interface Intake {
  /**
   * The next bytes of the body; undefined at its end. A request that has no byte holds no slot, however long it stays.
   * @throws HoldfastError `overloaded`; what a write of this request threw.
   */
  next(wanted: number): Promise<Filled | undefined>;
}

/** What storages want writes to be a multiple of. */
export const BLOCK_SIZE = 4096;
/** Memory of a slow body. */
const SMALL_SIZE: number = 2 * BLOCK_SIZE;
/** A small buffer that fills within this many milliseconds (256 KiB/s) belongs to a body that is slow no longer. */
const QUICK_MS = 32;

/**
 * @param waitMs How long bytes that are there may wait for those that fill their slot, in milliseconds; without it they wait, and come in whole blocks.
 */
export function createIntake(
  context: Context,
  body: Body,
  writer: Pick<Writer, "take" | "give">,
  waitMs?: number,
): Intake {
  const { crowd, clock } = context;
  let small: Uint8Array | undefined;
  /** Bytes that wait at the beginning of `small`. */
  let kept = 0;

  function fillFor(into: Uint8Array): Promise<number> {
    if (waitMs === undefined) return body.fill(into);
    const callOff = clock.after(waitMs, () => body.interrupt());
    return body.fill(into).finally(callOff);
  }

  async function fillSlot(wanted: number): Promise<Filled | undefined> {
    if (!(await body.ready())) return undefined;
    const slot = await writer.take();
    let isAsked = false;
    const endFilling = crowd.filling(() => {
      isAsked = true;
      body.interrupt();
    });
    const size = await fillFor(slot.memory.subarray(0, wanted));
    endFilling();
    if (size === 0) {
      // It was stopped while it waited for the slot.
      writer.give(slot);
      return undefined;
    }
    if (!isAsked || size === wanted) return { slot, size };
    const whole = makeSmall(slot, size);
    if (whole > 0) return { slot, size: whole };
    writer.give(slot);
    return small && fillSmall(wanted, small);
  }

  /** What whole blocks there are can be written, and how many bytes that is is told; the rest waits for its block. */
  function makeSmall({ memory }: Slot, size: number): number {
    small = new Uint8Array(SMALL_SIZE);
    kept = size % BLOCK_SIZE;
    small.set(memory.subarray(size - kept, size));
    return size - kept;
  }

  async function fillSmall(wanted: number, buffer: Uint8Array): Promise<Filled | undefined> {
    const size = Math.min(wanted, buffer.length);
    if (kept < size && (await body.ready())) {
      const began = clock.monotonic();
      kept += await fillFor(buffer.subarray(kept, size));
      if (kept === SMALL_SIZE && clock.monotonic() - began < QUICK_MS) small = undefined;
    }
    if (kept === 0) return undefined;
    const slot = await writer.take();
    slot.memory.set(buffer.subarray(0, kept));
    const filled = { slot, size: kept };
    kept = 0;
    return filled;
  }

  return { next: (wanted) => (small ? fillSmall(wanted, small) : fillSlot(wanted)) };
}
