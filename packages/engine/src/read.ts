// read: the bytes of a published file.
import { type ByteRange, HoldfastError, isFileId } from "@holdfast/protocol";
import { authorize, type Context } from "./context.ts";
import type { StoredObject } from "./ports.ts";
import type { FileRecord, Principal } from "./records.ts";

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

/** The bytes of a file from first to last. @throws HoldfastError `file_not_found` where it is deleted meanwhile */
export async function* read(
  context: Context,
  file: FileRecord,
  range: ByteRange,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* readObject(context, { id: file.uploadId, kind: "bytes" }, range);
  } catch (cause) {
    const now = await context.metadata.file(file.id);
    throw now?.state === "available" ? cause : new HoldfastError("file_not_found");
  }
}

/** One slot for the whole way: the piece that was given out is free again when the next is asked for. All pieces but the last fill the slot. */
export async function* readObject(
  context: Context,
  object: StoredObject,
  { start, end }: ByteRange,
): AsyncGenerator<Uint8Array, void, void> {
  const slot = await context.readSlots.take();
  try {
    for (let at = start; at < end; ) {
      const into = slot.memory.subarray(0, Math.min(slot.memory.length, end - at));
      const size = await context.storage.read(object, at, into);
      if (size === 0) throw new HoldfastError("storage_failed", "stored bytes are missing");
      at += size;
      yield into.subarray(0, size);
    }
  } finally {
    context.readSlots.give(slot);
  }
}
