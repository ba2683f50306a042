// Finds out once, by a write, whether a directory can be written and whether its file system takes direct I/O.
import type { Slot, SlotPool } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import { storageError, unlessMissing } from "./failure.ts";
import { ALIGNMENT, type Caching, errnoOf, type Fs } from "./fs.ts";

/** `direct` if the file system takes direct I/O. @throws HoldfastError `data_dir_unusable` where nothing can be written. */
export async function probeCaching(fs: Fs, directory: string, slots: SlotPool): Promise<Caching> {
  const path = `${directory}/probe.tmp`;
  const slot = await slots.take();
  try {
    for (const caching of ["direct", "cached"] as const) {
      if (await takesWrite(fs, path, caching, slot)) return caching;
    }
    throw new Error("a probe write was refused");
  } catch (error) {
    const message = `${directory} cannot be written (${errnoOf(error) ?? "unknown"})`;
    throw new HoldfastError("data_dir_unusable", message, {}, error);
  } finally {
    slots.give(slot);
    // Where it cannot be removed the next start overwrites it; nothing ever reads it.
    await unlessMissing(fs.unlink(path)).catch(() => undefined);
  }
}

async function takesWrite(fs: Fs, path: string, caching: Caching, slot: Slot): Promise<boolean> {
  let isOpened = false;
  try {
    const file = await fs.open(path, "create", caching);
    isOpened = true;
    try {
      return (await file.pwrite([slot.memory.subarray(0, ALIGNMENT)], 0)) === ALIGNMENT;
    } finally {
      await file.close();
    }
  } catch (error) {
    // A full disk is no reason not to start: everything stored can still be read, and room comes back.
    const isFull = storageError(error, "probing").code === "storage_full";
    if (isFull) return isOpened || caching === "cached";
    if (errnoOf(error) === "EINVAL") return false;
    throw error;
  }
}
