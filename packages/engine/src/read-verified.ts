// Reading with every part checked before any byte of it leaves, where the operator wants that: stored bytes that have rotted are refused, and named.
import { type ByteRange, HoldfastError, isHoldfastError, partCount } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import {
  damagedPart,
  type Found,
  isDoubtful,
  isSound,
  noteDamage,
  noteSound,
  soundKey,
} from "./damage.ts";
import { mending, settle } from "./mend.ts";
import { DAMAGED_MAX } from "./notes.ts";
import type { Pieces } from "./pieces.ts";
import type { Outlet } from "./ports.ts";
import { read } from "./read.ts";
import type { FileRecord } from "./records.ts";
import { lostRange } from "./stored.ts";

/** How long a part that was found right is taken for right: whoever reads in small pieces would have it hashed for each of them. Less for who asks because something was wrong. */
const SOUND_MS: Readonly<Record<ReadHow, number>> = { "as-stored": 10_000, verified: 1_000 };
/** And how long one that was found bad is taken for that. Who mends it says so. */
const BAD_MS = 1_000;
/** Parts that are remembered so. */
const SOUND_MAX = 4_096;

/** How a file is read: as it is stored, or with every part checked, whatever holds for the server. A part that was found damaged is checked always. */
export type ReadHow = "as-stored" | "verified";

/** The bytes of a file from first to last, as `read` gives them; each part that is checked is so before its first one. @throws HoldfastError as `checkRead` */
export function readChecked(
  context: Context,
  file: FileRecord,
  range: ByteRange,
  how: ReadHow = "as-stored",
  outlet?: Outlet,
): AsyncGenerator<Uint8Array, void, void> {
  return isUnchecked(context, file, how)
    ? readNoting(context, file, range, outlet)
    : readSound(context, file, range, how, outlet);
}

/** Whether no part of a file is checked before it leaves. */
export function isUnchecked(context: Context, file: FileRecord, how: ReadHow): boolean {
  return context.reads !== "verified" && how === "as-stored" && !file.notes?.damaged;
}

/**
 * Resolves once the part where a range begins is known to be as it was committed; at once where it is not checked. Asked before anything is answered, so
 * that a download that begins with a bad part is refused and not cut off.
 *
 * @throws HoldfastError `part_damaged` with `details.file` and `details.index`; the log says so, too
 */
export async function checkRead(
  context: Context,
  file: FileRecord,
  { start }: ByteRange,
  how: ReadHow = "as-stored",
): Promise<void> {
  const index = Math.floor(start / file.partSize);
  if (index < partCount(file) && isChecked(context, file, index, how)) {
    await soundFile(context, file, index, how);
  }
}

/**
 * Where the part is right: the file as it was found, or as it is by now, where it was healed meanwhile and its bytes are elsewhere.
 * @throws HoldfastError `part_damaged`
 */
async function soundFile(
  context: Context,
  file: FileRecord,
  index: number,
  how: ReadHow,
): Promise<FileRecord> {
  try {
    await requireSound(context, file, index, how);
    return file;
  } catch (error) {
    const now = await context.metadata.file(file.id);
    if (now?.state !== "available" || now.place === file.place) throw error;
    await requireSound(context, now, index, how);
    return now;
  }
}

function isChecked(context: Context, file: FileRecord, index: number, how: ReadHow): boolean {
  return context.reads === "verified" || how === "verified" || isDoubtful(file, index);
}

async function* readSound(
  context: Context,
  file: FileRecord,
  { start, end }: ByteRange,
  how: ReadHow,
  outlet: Outlet | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  let from = file;
  for (let at = start; at < end; ) {
    const index = Math.floor(at / file.partSize);
    if (isChecked(context, file, index, how)) from = await soundFile(context, from, index, how);
    const next = Math.min(end, (index + 1) * file.partSize);
    yield* readNoting(context, from, { start: at, end: next }, outlet);
    at = next;
  }
}

/** Bytes as they are stored. Whoever comes to such as are lost is cut off, and has them noted: the next one is refused, by name. */
function readNoting(
  context: Context,
  file: FileRecord,
  range: ByteRange,
  outlet: Outlet | undefined,
): Pieces {
  return read(context, file, range, outlet, (cause) => lookAgain(context, file, cause));
}

/** One failure proves nothing: the parts in question are read once more, by one for all who have met it. */
async function lookAgain(context: Context, file: FileRecord, cause: unknown): Promise<unknown> {
  const lost = lostRange(cause);
  if (!lost) return cause;
  const { sound } = context;
  const { partSize, size } = file;
  const end = Math.min(lost.end, size);
  try {
    for (let index = Math.floor(lost.start / partSize); index * partSize < end; index++) {
      const key = soundKey(file, index);
      const known = sound.get(key);
      // It was right a moment ago, and is in question now.
      if (known && !(await known).damage && sound.get(key) === known) sound.delete(key);
      await requireSound(context, file, index, "as-stored");
    }
  } catch (found) {
    return found;
  }
  return cause;
}

/**
 * It is read once more to be sent: what goes bad in between is the client's to find, who has the same digest.
 * Whoever asks while it is being hashed waits for that: a hundred readers of one part cost what one does.
 */
async function requireSound(
  context: Context,
  file: FileRecord,
  index: number,
  how: ReadHow,
): Promise<void> {
  const { sound, clock } = context;
  const key = soundKey(file, index);
  const known = sound.get(key);
  const before = known && (await known);
  if (before && clock.monotonic() - before.at < (before.damage ? BAD_MS : SOUND_MS[how])) {
    if (before.damage) throw before.damage;
    return;
  }
  // Somebody who waited for the same may have begun meanwhile.
  const other = sound.get(key);
  const finding = other && other !== known ? other : findSound(context, file, index);
  sound.delete(key);
  sound.set(key, finding);
  for (const oldest of sound.keys()) {
    if (sound.size <= SOUND_MAX) break;
    sound.delete(oldest);
  }
  try {
    const { damage } = await finding;
    if (damage) throw damage;
  } catch (error) {
    if (sound.get(key) === finding && !isPartDamaged(error)) sound.delete(key);
    throw error;
  }
}

function isPartDamaged(error: unknown): boolean {
  return isHoldfastError(error) && error.code === "part_damaged";
}

async function findSound(context: Context, file: FileRecord, index: number): Promise<Found> {
  const { clock } = context;
  if (await isSound(context, file, index)) {
    await settleNoted(context, file, index);
    return { at: clock.monotonic() };
  }
  // Removed while it was read: that is why there was nothing.
  const now = await context.metadata.file(file.id);
  if (now?.state !== "available") throw new HoldfastError("file_not_found");
  // Healed while it was read: what is bad nobody is led to any more.
  if (now.place === file.place) await noteDamage(context, now, [index]);
  return { at: clock.monotonic(), damage: damagedPart(file, index) };
}

/** A note goes where what it stands for is right again. On a disk only if that lasts, and not while somebody mends the file: he says so himself. */
async function settleNoted(context: Context, file: FileRecord, index: number): Promise<void> {
  const { damaged = [] } = file.notes ?? {};
  // Of so many each one stands for those that are not noted, too.
  if (!damaged.includes(index) || damaged.length >= DAMAGED_MAX) return;
  if (context.storage.kind === "parts") return noteSound(context, file, [index]);
  try {
    await mending(context, file, () => settle(context, file, [index]));
  } catch (cause) {
    // Other parts of it are not there, perhaps. The note stands, and is looked at by the next reader.
    context.log("warn", "part.not-noted", { file: file.id, cause });
  }
}
