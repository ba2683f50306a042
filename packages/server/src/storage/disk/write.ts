// Bytes on their way down: parts into an upload's data file, the manifest beside it.
import type { Slot, Storage } from "@holdfast/engine";
import { HoldfastError, type UploadId } from "@holdfast/protocol";
import { storageError } from "./failure.ts";
import { ALIGNMENT, type OpenFile } from "./fs.ts";
import {
  manifestPath,
  noteWritten,
  poison,
  requireOpen,
  type Stage,
  stagedUpload,
} from "./stage.ts";
import type { Sync } from "./sync.ts";

/** `Storage.write`: one positional write, repeated only where the kernel took fewer bytes than it was given. */
export function createWrite(stage: Stage): Storage["write"] {
  return async function write(id, offset, slot, size) {
    requireFitting(offset, slot, size);
    const upload = stagedUpload(stage, id);
    requireOpen(upload);
    const whole = stage.caching === "direct" ? padded(slot, size) : size;
    const lent = stage.descriptors.lend(upload.opening);
    let hasBegun = false;
    upload.writing++;
    try {
      const file = await lent.file;
      hasBegun = true;
      const count = await file.pwrite(slot.memory, 0, whole, offset);
      if (count < whole) await writeRest(file, slot.memory, whole, offset, count);
      noteWritten(stage, upload);
    } catch (error) {
      const failure = storageError(error, "writing");
      // A full disk, or a file that could not be opened, has harmed nothing; after any other failure nobody knows what is on it.
      if (hasBegun && failure.code === "storage_failed") poison(upload, failure);
      throw failure;
    } finally {
      lent.end();
      upload.writing--;
      if (upload.writing === 0) for (const tell of upload.onWritten.splice(0)) tell();
    }
  };
}

/** As `Storage.putManifest`. The path is not emptied first: repeated with the same bytes, a reader sees them whole all the time. */
export async function writeManifest(
  stage: Stage,
  sync: Sync,
  id: UploadId,
  manifest: Uint8Array,
): Promise<void> {
  const path = manifestPath(stage, id);
  try {
    const file = await stage.fs.open(path, "create", "cached");
    try {
      await writeRest(file, manifest, manifest.length, 0, 0);
      await file.truncate(manifest.length);
      await sync.flushFile(file);
    } finally {
      await file.close();
    }
    await sync.flushDirectory();
  } catch (error) {
    throw storageError(error, "writing the manifest");
  }
}

function requireFitting(offset: number, slot: Slot, size: number): void {
  const isFitting =
    Number.isSafeInteger(offset) &&
    offset >= 0 &&
    offset % ALIGNMENT === 0 &&
    size >= 0 &&
    size <= slot.memory.length;
  if (!isFitting) {
    throw new HoldfastError("internal", "a write must begin at a multiple of 4 KiB, in its slot");
  }
}

/** Direct I/O takes whole blocks only: zeros follow the end of an upload until the seal cuts them off. */
function padded(slot: Slot, size: number): number {
  const whole = Math.ceil(size / ALIGNMENT) * ALIGNMENT;
  if (whole > size) slot.memory.fill(0, size, whole);
  return whole;
}

/** What is left when the kernel took `count` bytes of `size`, until nothing is. */
async function writeRest(
  file: OpenFile,
  bytes: Uint8Array,
  size: number,
  offset: number,
  count: number,
): Promise<void> {
  let done = keptOf(count, size);
  while (done < size) {
    const more = await file.pwrite(bytes, done, size - done, offset + done);
    const kept = keptOf(done + more, size);
    if (kept <= done) throw new HoldfastError("storage_failed", "the disk takes no more bytes");
    done = kept;
  }
}

/** The rest must begin at a whole block, or direct I/O refuses it: blocks that went in part go once more. */
function keptOf(done: number, size: number): number {
  return done < size ? done - (done % ALIGNMENT) : done;
}
