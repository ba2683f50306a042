// Reading with every part checked before any byte of it leaves, where the operator wants that: stored bytes that have rotted are refused, and named.
import { type ByteRange, equalBytes, HoldfastError, partCount } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import type { Outlet } from "./ports.ts";
import { provePart } from "./proof.ts";
import { bytesOf, read, readObject, unlessDeleted } from "./read.ts";
import type { FileRecord } from "./records.ts";

/** How long a part that was found right is taken for right: whoever reads in small pieces would have it hashed for each of them. */
const SOUND_MS = 10_000;
/** Parts that are remembered so. */
const SOUND_MAX = 4_096;

/** The bytes of a file from first to last, as `read` gives them; each part is checked before its first one. @throws HoldfastError as `checkRead` */
export function readChecked(
  context: Context,
  file: FileRecord,
  range: ByteRange,
  outlet?: Outlet,
): AsyncGenerator<Uint8Array, void, void> {
  return context.reads === "verified"
    ? readSound(context, file, range, outlet)
    : read(context, file, range, outlet);
}

/**
 * Resolves once the part where a range begins is known to be as it was committed; at once where reads are not verified. Asked before anything is answered, so
 * that a download that begins with a bad part is refused and not cut off.
 *
 * @throws HoldfastError `storage_failed` with `details.index`; the log says which file it is
 */
export async function checkRead(
  context: Context,
  file: FileRecord,
  { start }: ByteRange,
): Promise<void> {
  const index = Math.floor(start / file.partSize);
  if (context.reads === "verified" && index < partCount(file)) {
    await requireSound(context, file, index);
  }
}

async function* readSound(
  context: Context,
  file: FileRecord,
  { start, end }: ByteRange,
  outlet: Outlet | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  for (let at = start; at < end; ) {
    const index = Math.floor(at / file.partSize);
    await requireSound(context, file, index);
    const next = Math.min(end, (index + 1) * file.partSize);
    yield* read(context, file, { start: at, end: next }, outlet);
    at = next;
  }
}

/**
 * It is read once more to be sent: what goes bad in between is the client's to find, who has the same digest.
 * Whoever asks while it is being hashed waits for that: a hundred readers of one part cost what one does.
 */
async function requireSound(context: Context, file: FileRecord, index: number): Promise<void> {
  const { sound, clock } = context;
  const key = `${file.id}/${index}`;
  const known = sound.get(key);
  if (known && clock.monotonic() - (await known) < SOUND_MS) return;
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
    await finding;
  } catch (error) {
    if (sound.get(key) === finding) sound.delete(key);
    throw error;
  }
}

/** Resolves with when it was found. */
async function findSound(context: Context, file: FileRecord, index: number): Promise<number> {
  const { clock, log } = context;
  const { digest } = await provePart(context, file, index);
  if (!equalBytes(await digestOfStored(context, file, index), digest)) {
    log("error", "part.bad", { file: file.id, index });
    throw new HoldfastError("storage_failed", `part ${index} of this file is damaged`, { index });
  }
  return clock.monotonic();
}

async function digestOfStored(
  context: Context,
  file: FileRecord,
  index: number,
): Promise<Uint8Array> {
  const running = context.digests.create(file.algorithm);
  const start = index * file.partSize;
  const part = { start, end: Math.min(start + file.partSize, file.size) };
  const pieces = readObject(context, bytesOf(file), part);
  for await (const piece of unlessDeleted(context, file, pieces)) running.update(piece);
  return running.digest();
}
