// Mending stored bytes of a file: by one at a time, and over only where it lasts.
import { partCount } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import { badPartsOf, noteDamage, noteSound, requireThere, soundKey } from "./damage.ts";
import { regionsOf } from "./kinds.ts";
import { DAMAGED_MAX } from "./notes.ts";
import type { FileRecord } from "./records.ts";

/** Runs `work` unless somebody is at this file already. Whoever removes the file waits for it: nothing is written where it was. */
export async function alone(
  { healing }: Context,
  { id }: FileRecord,
  work: () => Promise<void>,
): Promise<void> {
  if (healing.has(id)) return;
  const running = work().finally(() => healing.delete(id));
  healing.set(id, running);
  await running;
}

/**
 * As `alone`, for work on the file's bytes. They are read past the cache while it lasts, through memory that few have; so they are sealed again however it ends, unless they cannot be.
 */
export function mending(
  context: Context,
  file: FileRecord,
  work: () => Promise<void>,
): Promise<void> {
  const { storage } = context;
  return alone(context, file, async () => {
    if (storage.kind === "parts") return work();
    // Where somebody has failed before, a disk takes neither writes nor flushes.
    await storage.reset(file.uploadId);
    try {
      await work();
    } catch (cause) {
      await storage.seal(file.uploadId, file.size).catch(() => undefined);
      throw cause;
    }
  });
}

/** Parts that a note stands for; all of them where there are more than are noted. */
export function notedParts(file: FileRecord): readonly number[] {
  const { damaged = [] } = file.notes ?? {};
  if (damaged.length < DAMAGED_MAX) return damaged;
  return Array.from({ length: partCount(file) }, (_, index) => index);
}

/**
 * Resolves when the notes of these parts are gone, or stand for what is bad where it is stored.
 *
 * What was written by a healing that was cut off is in the cache and need not be on the medium, and zeros may stand behind the end: so all is cut and flushed, and looked at past the
 * cache, before a note goes. In the other order the power takes the bytes and leaves nobody who knows.
 */
export async function settle(
  context: Context,
  file: FileRecord,
  indexes: readonly number[],
): Promise<void> {
  await regionsOf(context).seal(file.uploadId, file.size);
  const left = await badPartsOf(context, file, { indexes, origin: "medium" });
  const sound = indexes.filter((index) => !left.includes(index));
  for (const index of sound) context.sound.delete(soundKey(file, index));
  const now = await requireThere(context, file);
  await noteSound(context, now, sound);
  if (left.length > 0) await noteDamage(context, now, left);
}
