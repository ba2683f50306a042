// read: the bytes of a published file.
import { type ByteRange, HoldfastError, isFileId } from "@holdfast/protocol";
import { authorize, type Context } from "./context.ts";
import { regionsOf } from "./kinds.ts";
import { handOn, type Pieces } from "./pieces.ts";
import type { Outlet, ReadTerms } from "./ports.ts";
import type { FileRecord, Principal } from "./records.ts";
import { SLOT_SIZE, type Slot } from "./slots.ts";
import { lostIn, missing, readPlaced, type Stored } from "./stored.ts";
import { sendStraight } from "./straight.ts";

export async function findFile(
  context: Context,
  principal: Principal,
  id: string,
): Promise<FileRecord> {
  const file = isFileId(id) ? await context.metadata.file(id) : undefined;
  if (file?.state !== "available") throw new HoldfastError("file_not_found");
  await authorize(context, principal, "read", file, "file_not_found");
  return file;
}

/** The bytes of a file from first to last, but for those that an outlet took past the pieces. @throws HoldfastError `file_not_found` where it is deleted meanwhile */
export function read(
  context: Context,
  file: FileRecord,
  range: ByteRange,
  outlet?: Outlet,
  why?: Why,
): Pieces {
  return unlessDeleted(context, file, readForReader(context, bytesOf(file), range, outlet), why);
}

export async function addressOf(
  { storage, reads }: Context,
  { place }: FileRecord,
  terms: ReadTerms,
): Promise<string | undefined> {
  if (storage.kind !== "parts" || place === undefined || reads === "verified") return undefined;
  return storage.objects.address(place, terms);
}

export async function isAllThere(context: Context, file: FileRecord): Promise<boolean> {
  const end = new Uint8Array(2);
  const object = { id: file.uploadId, kind: "bytes" } as const;
  return (await regionsOf(context).read(object, file.size - 1, end)) === 1;
}

export function bytesOf({ uploadId: id, place }: FileRecord): Stored {
  return { id, kind: "bytes", ...(place === undefined ? {} : { place }) };
}

/** Looks why a read of a file has failed; resolves with what whoever reads is told. */
type Why = (cause: unknown) => Promise<unknown>;

/** What is read of a file. @throws HoldfastError `file_not_found` where it failed because the file is deleted meanwhile */
export function unlessDeleted(
  context: Context,
  file: FileRecord,
  pieces: Pieces,
  why: Why = async (cause) => cause,
): Pieces {
  const tell = async (cause: unknown): Promise<never> => {
    const now = await context.metadata.file(file.id);
    throw now?.state === "available" ? await why(cause) : new HoldfastError("file_not_found");
  };
  return handOn(pieces, () => pieces.next().catch(tell));
}

/** Memory of a reader that is slow, or that finds no slot. */
export const SMALL_SIZE: number = 16 * 1024;
/** A reader that keeps a slot for longer than this takes less than 512 KiB/s. */
export const SLOW_MS: number = 500;
/** One that has taken a small piece within this takes more than that again. */
export const QUICK_MS: number = 30;

/**
 * A slot for each piece, while there is one and the reader is quick. Somebody who takes a byte now and then would keep a slot for minutes, and enough of those
 * everybody's: a slow reader has a little memory of its own, and so has one that finds no slot, so that nobody ever waits for another reader. What the server
 * reads for itself, such as a manifest that it checks, has slots that no reader gets. What an object store sends comes in memory of its own.
 *
 * Where the kernel can send by itself, it does after each piece, until the connection is full: the next piece, a small one, is what waits for room in it.
 */
export async function* readForReader(
  context: Context,
  object: Stored,
  { start, end }: ByteRange,
  outlet?: Outlet,
): AsyncGenerator<Uint8Array, void, void> {
  const { readSlots, storage, clock } = context;
  if (storage.kind === "parts") return yield* readPlaced(storage, object, { start, end });
  let small: Uint8Array | undefined;
  let isSlow = false;
  // What one slot holds is not worth a second way.
  const way = end - start > SLOT_SIZE ? outlet : undefined;
  let goesStraight = way !== undefined && context.send !== undefined;
  for (let at = start; at < end; ) {
    const slot: Slot | undefined = isSlow || goesStraight ? undefined : readSlots.trySpare();
    if (!slot) small ??= new Uint8Array(SMALL_SIZE);
    const memory = slot?.memory ?? small ?? new Uint8Array();
    try {
      const into = memory.subarray(0, Math.min(memory.length, end - at));
      const size = await storage.read(object, at, into);
      if (size === 0) throw missing();
      at += size;
      const given = clock.monotonic();
      yield into.subarray(0, size);
      isSlow = clock.monotonic() - given > (slot ? SLOW_MS : QUICK_MS);
    } catch (cause) {
      throw lostIn(cause, { start: at, end: at + memory.length });
    } finally {
      if (slot) readSlots.give(slot);
    }
    if (!way) continue;
    const went = await sendStraight(context, object, { start: at, end }, way, "sealed");
    goesStraight = went !== undefined;
    at += went ?? 0;
  }
}

/** One slot for the whole way: the piece that was given out is free again when the next is asked for. All pieces but the last fill the slot. */
export async function* readObject(
  context: Context,
  object: Stored,
  { start, end }: ByteRange,
  origin?: "medium",
): AsyncGenerator<Uint8Array, void, void> {
  const { storage } = context;
  if (storage.kind === "parts") return yield* readPlaced(storage, object, { start, end });
  const slot = await context.readSlots.take();
  try {
    for (let at = start; at < end; ) {
      const into = slot.memory.subarray(0, Math.min(slot.memory.length, end - at));
      const size = await storage.read(object, at, into, origin);
      if (size === 0) throw missing();
      at += size;
      yield into.subarray(0, size);
    }
  } finally {
    context.readSlots.give(slot);
  }
}
