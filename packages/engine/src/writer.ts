// The writes of one run: several under way at once, no more slots than its share, every one of them accounted for.
import { isHoldfastError } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import { beginHealing } from "./heal.ts";
import { regionsOf } from "./kinds.ts";
import type { Slot } from "./slots.ts";
import type { Upload } from "./upload.ts";

export interface Writer {
  /**
   * A slot, as soon as this run's share of the pool allows one more.
   * @throws HoldfastError `overloaded`; what the first failed write threw: there is no point in reading on.
   */
  take(): Promise<Slot>;
  /** Hands back a slot that was not written. */
  give(slot: Slot): void;
  /** Starts a write; the slot goes back to the pool when it has settled. */
  write(offset: number, slot: Slot, size: number): void;
  /** Resolves when all writes started since the last call have resolved. They may finish in any order: it waits for all, not for the last. */
  written(): Promise<void>;
  /** Resolves when nothing is under way any more, whatever came of it. */
  settle(): Promise<void>;
}

export function createWriter(context: Context, upload: Upload): Writer {
  const { slots, crowd } = context;
  const leave = slots.enter();
  const pending = new Set<Promise<void>>();
  let sinceLast: Promise<void>[] = [];
  let failure: { readonly cause: unknown } | undefined;

  function settled(slot: Slot, writing: Promise<void>, fault?: { readonly cause: unknown }): void {
    slots.give(slot);
    pending.delete(writing);
    if (!fault) return;
    failure ??= fault;
    const isFull = isHoldfastError(fault.cause) && fault.cause.code === "storage_full";
    if (!isFull) beginHealing(context, upload, fault.cause);
  }

  return {
    async take() {
      while (pending.size >= slots.share()) await Promise.race(pending).catch(() => undefined);
      if (failure) throw failure.cause;
      return crowd.take();
    },
    give: slots.give,
    write(offset, slot, size) {
      const storage = regionsOf(context);
      const writing = storage.write(upload.record.id, offset, slot, size);
      pending.add(writing);
      sinceLast.push(writing);
      writing.then(
        () => settled(slot, writing),
        (cause: unknown) => settled(slot, writing, { cause }),
      );
    },
    written() {
      const writes = sinceLast;
      sinceLast = [];
      return Promise.all(writes).then(() => undefined);
    },
    async settle() {
      await Promise.allSettled(pending);
      leave();
    },
  };
}
