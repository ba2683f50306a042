// read: the bytes and the manifest of a published file.
import { type ByteRange, equalBytes, HoldfastError, isFileId } from "@holdfast/protocol";
import { authorize, type Context } from "./context.ts";
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

/** One slot for the whole way: the piece that was given out is free again when the next is asked for. */
export async function* read(
  context: Context,
  file: FileRecord,
  { start, end }: ByteRange,
): AsyncGenerator<Uint8Array, void, void> {
  const object = { id: file.uploadId, kind: "bytes" } as const;
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

export async function readManifest(context: Context, file: FileRecord): Promise<Uint8Array> {
  const manifest = new Uint8Array(file.manifestSize);
  const object = { id: file.uploadId, kind: "manifest" } as const;
  const size = await context.storage.read(object, 0, manifest);
  const isWhole = size === manifest.length;
  if (!isWhole || !equalBytes(context.digests.sha256(manifest), file.manifestDigest)) {
    throw new HoldfastError("storage_failed", "the stored manifest is damaged");
  }
  return manifest;
}
