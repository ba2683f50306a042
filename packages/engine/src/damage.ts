// Stored bytes that are bad: found by their digest, refused by name, noted beside their file, so that the next reader is refused at once.
import { equalBytes, HoldfastError, partCount } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import { DAMAGED_MAX } from "./notes.ts";
import { provePart } from "./proof.ts";
import { bytesOf, readObject } from "./read.ts";
import type { FileRecord } from "./records.ts";
import { isLost } from "./stored.ts";

/** Whether a part was found damaged, or so many of its file that all of it is doubtful. */
export function isDoubtful({ notes }: FileRecord, index: number): boolean {
  const { damaged = [] } = notes ?? {};
  return damaged.length >= DAMAGED_MAX || damaged.includes(index);
}

/** What a look at the stored bytes of a part has found, and when, by `Clock.monotonic`. */
export interface Found {
  readonly at: number;
  /** What whoever asks for it is told, where they are bad. */
  readonly damage?: HoldfastError;
}

/** What is known of a part is known of where it is: a file that was healed in an object store is elsewhere. */
export function soundKey({ id, place }: FileRecord, index: number): string {
  return `${id}/${index}/${place ?? ""}`;
}

/** One failure to read proves nothing of the bytes. */
const LOOKS = 2;

/**
 * Whether the stored bytes of a part have its digest; such as are not there, or cannot be read any more, have none.
 * @throws HoldfastError what else reading met: nobody knows then.
 */
export async function isSound(
  context: Context,
  file: FileRecord,
  index: number,
  origin?: "medium",
): Promise<boolean> {
  const { digest } = await provePart(context, file, index);
  for (let look = 1; ; look++) {
    try {
      return equalBytes(await storedDigest(context, file, index, origin), digest);
    } catch (error) {
      if (!isLost(error)) throw error;
      if (error.details["isUnreadable"] !== true) return false;
      context.log("error", "part.unreadable", { file: file.id, index, cause: error });
      if (look === LOOKS) return false;
    }
  }
}

/** Of the stored bytes of a part. @throws HoldfastError what reading met */
export async function storedDigest(
  context: Context,
  file: FileRecord,
  index: number,
  origin?: "medium",
): Promise<Uint8Array> {
  const start = index * file.partSize;
  const part = { start, end: Math.min(start + file.partSize, file.size) };
  const running = context.digests.create(file.algorithm);
  const pieces = readObject(context, bytesOf(file), part, origin);
  for await (const piece of pieces) running.update(piece);
  return running.digest();
}

/**
 * Every part of a file, or of those that are named, whose stored bytes are bad.
 * @throws HoldfastError `file_not_found`, `shutting_down`; what reading met
 */
export async function badPartsOf(
  context: Context,
  file: FileRecord,
  { indexes, origin }: { readonly indexes?: readonly number[]; readonly origin?: "medium" } = {},
): Promise<readonly number[]> {
  const bad: number[] = [];
  for (const index of indexes ?? Array(partCount(file)).keys()) {
    await requireThere(context, file);
    if (!(await isSound(context, file, index, origin))) bad.push(index);
  }
  return bad;
}

/** Whoever reads for hours stops when nobody wants it any more. @throws HoldfastError `file_not_found`, `shutting_down` */
export async function requireThere(context: Context, { id }: FileRecord): Promise<FileRecord> {
  if (context.isDraining) throw new HoldfastError("shutting_down");
  const now = await context.metadata.file(id);
  if (now?.state !== "available") throw new HoldfastError("file_not_found");
  return now;
}

/** Resolves when it is noted, and told to whoever operates the server. What cannot be noted now is noted by the next reader. */
export async function noteDamage(
  context: Context,
  file: FileRecord,
  indexes: readonly number[],
): Promise<void> {
  const { metadata, log } = context;
  for (const index of indexes) log("error", "part.bad", { file: file.id, index });
  const isNew = indexes.some((index) => !isDoubtful(file, index));
  if (isNew) await note(metadata, file, { kind: "damaged", indexes }, log);
}

/** What was noted was mended since, or never so. */
export async function noteSound(
  context: Context,
  file: FileRecord,
  indexes: readonly number[],
): Promise<void> {
  const { metadata, log } = context;
  const isNoted = indexes.some((index) => file.notes?.damaged?.includes(index));
  if (isNoted) await note(metadata, file, { kind: "healed", indexes }, log);
}

async function note(
  metadata: Context["metadata"],
  { id }: FileRecord,
  note: { readonly kind: "damaged" | "healed"; readonly indexes: readonly number[] },
  log: Context["log"],
): Promise<void> {
  try {
    await metadata.apply({ kind: "note", id, note });
  } catch (cause) {
    log("warn", "part.not-noted", { file: id, cause });
  }
}

/** What whoever asked for such a part is told: which part, and of which file. */
export function damagedPart({ id }: FileRecord, index: number): HoldfastError {
  const message = `part ${index} of this file is damaged where it is stored`;
  return new HoldfastError("part_damaged", message, { file: id, index });
}
