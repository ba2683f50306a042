// Bytes on their way down: parts into an upload's data file, the manifest beside it.
import type { RegionStorage, Slot, StoredObject } from "@holdfast/engine";
import { HoldfastError, MIB } from "@holdfast/protocol";
import { storageError } from "./failure.ts";
import { ALIGNMENT, type OpenFile } from "./fs.ts";
import { makeAnew } from "./names.ts";
import {
  bytesPath,
  manifestPath,
  noteWritten,
  poison,
  type QueuedWrite,
  requireOpen,
  requireUnharmed,
  type Stage,
  type StagedUpload,
  stagedUpload,
  type Turn,
} from "./stage.ts";
import type { Sync } from "./sync.ts";

/** Bytes that one call writes at most: larger ones cost no less. */
const BATCH_BYTES: number = 2 * MIB;

/**
 * `Storage.write`: one write at a time an upload, which takes along what waits behind it and follows on in the file.
 * A file system lets only one at a time into new regions of a file anyway; who waits there burns processor time.
 */
export function createWrite(stage: Stage): RegionStorage["write"] {
  return async function write(id, offset, slot, size) {
    requireFitting(offset, slot, size);
    const upload = stagedUpload(stage, id);
    requireOpen(upload);
    const bytes = slot.memory.subarray(0, padded(slot, size));
    const mine = { offset, bytes, turn: Promise.withResolvers<Turn>() };
    if (upload.queue.push(mine) > 1 && (await mine.turn.promise) === "over") return;
    const lent = stage.descriptors.lend(upload.opening);
    let batch: readonly QueuedWrite[] = [];
    try {
      const file = await lent.file.catch(cannotOpen);
      requireUnharmed(upload);
      batch = takeBatch(upload, mine);
      const pieces = batch.map((one) => one.bytes);
      const count = await file.pwrite(pieces, offset);
      await writeRest(file, pieces, offset, count);
      for (const _ of batch) noteWritten(stage, upload);
    } catch (error) {
      const failure = storageError(error, "writing");
      // A full disk has harmed nothing; after any other failure of a write that began nobody knows what is on it.
      if (batch.length > 0 && failure.code === "storage_failed") poison(upload, failure);
      // It stands for itself alone: those that it took along try again.
      batch = [mine];
      throw failure;
    } finally {
      lent.end();
      leaveQueue(upload, batch);
    }
  };
}

/** The writes are done with; the first of those that wait has its turn. */
function leaveQueue({ queue, onWritten }: StagedUpload, batch: readonly QueuedWrite[]): void {
  for (const one of batch) {
    queue.splice(queue.indexOf(one), 1);
    one.turn.resolve("over");
  }
  queue[0]?.turn.resolve("now");
  if (queue.length === 0) for (const tell of onWritten.splice(0)) tell();
}

/** Out of descriptors, perhaps. Nothing is written, so nothing need be read back: `details.isHarmless` says so. */
function cannotOpen(error: unknown): never {
  const { code, message } = storageError(error, "opening");
  throw new HoldfastError(code, message, { isHarmless: true }, error);
}

/** The write whose turn it is, with those that wait and follow on without a gap. */
function takeBatch({ queue }: StagedUpload, first: QueuedWrite): QueuedWrite[] {
  const batch = [first];
  let end = first.offset + first.bytes.length;
  for (
    let next = nextAt(queue, end);
    next && end + next.bytes.length - first.offset <= BATCH_BYTES;
    next = nextAt(queue, end)
  ) {
    batch.push(next);
    end += next.bytes.length;
  }
  return batch;
}

function nextAt(queue: readonly QueuedWrite[], offset: number): QueuedWrite | undefined {
  return queue.find(({ offset: at, bytes }) => at === offset && bytes.length > 0);
}

/** As `Storage.put`. The path is not emptied first: repeated with the same bytes, a reader sees them whole all the time. */
export async function putObject(
  stage: Stage,
  sync: Sync,
  { id, kind }: StoredObject,
  pieces: Iterable<Uint8Array>,
): Promise<void> {
  try {
    if (kind === "bytes") await putBytes(stage, sync, bytesPath(stage, id), pieces);
    else await putManifest(stage, sync, manifestPath(stage, id), pieces);
    await sync.flushDirectory();
  } catch (error) {
    throw storageError(error, `writing the ${kind}`);
  }
}

async function putManifest(
  { fs }: Stage,
  sync: Sync,
  path: string,
  pieces: Iterable<Uint8Array>,
): Promise<void> {
  const file = await fs.open(path, "create", "cached");
  try {
    let size = 0;
    for (const piece of pieces) {
      await writeRest(file, [piece], size, 0);
      size += piece.length;
    }
    // One that is put again may be shorter.
    await file.truncate(size);
    await sync.flushFile(file);
    if (!file.isNew) await makeAnew(fs, path);
  } finally {
    await file.close();
  }
}

/**
 * Opened, then written and flushed in one call: for a small file each call costs more than its bytes. Past the page cache they would cost as much, and the
 * first reader would wait for the disk.
 */
async function putBytes(
  { fs }: Stage,
  sync: Sync,
  path: string,
  pieces: Iterable<Uint8Array>,
): Promise<void> {
  const [bytes = NOTHING] = pieces;
  const file = await fs.open(path, "create-synced", "cached");
  try {
    if (bytes.length === 0) await sync.flushFile(file);
    else await sync.writeSynced(() => writeRest(file, [bytes], 0, 0));
  } finally {
    await file.close();
  }
}

const NOTHING = new Uint8Array();

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

/** Direct I/O takes whole blocks only, and the page cache reads what it is given in part: zeros follow the end of an upload until the seal cuts them off. */
function padded(slot: Slot, size: number): number {
  const whole = Math.ceil(size / ALIGNMENT) * ALIGNMENT;
  if (whole > size) slot.memory.fill(0, size, whole);
  return whole;
}

/** What is left when the kernel took `count` bytes of the pieces, until nothing is. */
async function writeRest(
  file: OpenFile,
  pieces: readonly Uint8Array[],
  offset: number,
  count: number,
): Promise<void> {
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
  let done = keptOf(count, size);
  while (done < size) {
    const more = await file.pwrite(behind(pieces, done), offset + done);
    const kept = keptOf(done + more, size);
    if (kept <= done) throw new HoldfastError("storage_failed", "the disk takes no more bytes");
    done = kept;
  }
}

/** The rest must begin at a whole block, or direct I/O refuses it: blocks that went in part go once more. */
function keptOf(done: number, size: number): number {
  return done < size ? done - (done % ALIGNMENT) : done;
}

/** The pieces without their first `done` bytes. */
function behind(pieces: readonly Uint8Array[], done: number): Uint8Array[] {
  let skip = done;
  const rest: Uint8Array[] = [];
  for (const piece of pieces) {
    if (skip < piece.length) rest.push(piece.subarray(skip));
    skip = Math.max(0, skip - piece.length);
  }
  return rest;
}
