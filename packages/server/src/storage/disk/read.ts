// Bytes on their way up: cached reads of what is sealed, direct reads of what is not and of what is to be proved.
import type { Outlet, ReadOrigin, SlotPool, StoredObject } from "@holdfast/engine";
import { SLOT_SIZE } from "@holdfast/engine";
import { type ByteRange, HoldfastError, type UploadId } from "@holdfast/protocol";
import type { Opening } from "./descriptors.ts";
import { storageError, unlessMissing } from "./failure.ts";
import { ALIGNMENT, type Caching, errnoOf, type OpenFile } from "./fs.ts";
import { bytesPath, manifestPath, type Stage } from "./stage.ts";

/** What this process or its machine is out of, not the disk. */
const SCARCE: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOMEM"]);

/** A sector that cannot be read, or does not have what its own check sum says: through the cache (EIO) and past it. */
const UNREADABLE: ReadonlySet<string> = new Set(["EIO", "ENODATA", "EILSEQ"]);

export interface Reading {
  readonly stage: Stage;
  /** How to read past the cache: `cached` where the file system has no direct I/O, and the page cache is all there is. */
  readonly medium: Caching;
  /** Aligned memory for direct reads; the memory that is asked to be filled need not be. */
  readonly slots: SlotPool;
}

/** As `Storage.read`. A file that is not there has no bytes. */
export async function readStored(
  reading: Reading,
  { id, kind }: StoredObject,
  offset: number,
  into: Uint8Array,
  origin: ReadOrigin | undefined,
): Promise<number> {
  const { stage } = reading;
  if (origin === "shared" && stage.caching === "direct") {
    const there = await readShared(stage, id, offset, into);
    if (there > 0) return there;
  }
  const path = kind === "bytes" ? bytesPath(stage, id) : manifestPath(stage, id);
  const isUnsealed = kind === "bytes" && stage.uploads.has(id);
  const caching = origin === "medium" ? reading.medium : isUnsealed ? stage.caching : "cached";
  const task = (file: OpenFile) =>
    caching === "direct"
      ? readDirect(file, reading.slots, offset, into)
      : readCached(file, offset, into);
  try {
    const opening: Opening = { path, access: "read", caching };
    const reads =
      kind === "bytes" ? stage.descriptors.use(opening, task) : useOnce(stage, opening, task);
    return (await unlessMissing(reads)) ?? 0;
  } catch (error) {
    const { code, message } = storageError(error, "reading");
    throw new HoldfastError(code, message, meaningOf(errnoOf(error)), error);
  }
}

/** As `RegionStorage` says. */
function meaningOf(errno = ""): HoldfastError["details"] {
  // Nothing has been read, and nothing is known of the bytes.
  if (SCARCE.has(errno)) return { isHarmless: true };
  return UNREADABLE.has(errno) ? { isUnreadable: true } : {};
}

/** As `SendStored`. What grows lies beside the cache: where the file system has no direct I/O, it may be written over where it is on its way to a connection, and is not sent. */
export function sendStored(
  stage: Stage,
  { id, kind }: StoredObject,
  { start, end }: ByteRange,
  outlet: Outlet,
  state: "sealed" | "growing",
): Promise<number | undefined> {
  const isSealed = state === "sealed" && !stage.uploads.has(id);
  if (kind !== "bytes" || !(isSealed || (state === "growing" && stage.caching === "direct"))) {
    return NO_WAY;
  }
  const opening = isSealed ? sealedOpening(stage, id) : growingOpening(stage, id);
  return stage.descriptors
    .use(opening, (file) => file.send(outlet, start, end - start))
    .catch(() => undefined);
}

const NO_WAY: Promise<undefined> = Promise.resolve(undefined);

function sealedOpening(stage: Stage, id: UploadId): Opening {
  return { path: bytesPath(stage, id), access: "read", caching: "cached" };
}

function growingOpening(stage: Stage, id: UploadId): Opening {
  return { path: bytesPath(stage, id), access: "read", caching: "exact" };
}

/** What is there because others have been sent it. */
function readShared(stage: Stage, id: UploadId, offset: number, into: Uint8Array): Promise<number> {
  return stage.descriptors
    .use(growingOpening(stage, id), (file) => file.pread(into, 0, into.length, offset))
    .catch(() => 0);
}

/** Manifests are read once in a while, each by one call: their descriptors are not worth keeping. */
async function useOnce<T>(
  stage: Stage,
  { path, access, caching }: Opening,
  task: (file: OpenFile) => Promise<T>,
): Promise<T> {
  const file = await stage.fs.open(path, access, caching);
  try {
    return await task(file);
  } finally {
    await file.close();
  }
}

async function readCached(file: OpenFile, offset: number, into: Uint8Array): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const count = await file.pread(into, done, into.length - done, offset + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/** Reads the whole blocks around what is asked for, slot by slot, and copies from there. */
async function readDirect(
  file: OpenFile,
  slots: SlotPool,
  offset: number,
  into: Uint8Array,
): Promise<number> {
  const slot = await slots.take();
  try {
    let done = 0;
    while (done < into.length) {
      const lead = (offset + done) % ALIGNMENT;
      const wanted = Math.ceil((lead + into.length - done) / ALIGNMENT) * ALIGNMENT;
      const size = Math.min(SLOT_SIZE, wanted);
      const count = await file.pread(slot.memory, 0, size, offset + done - lead);
      if (count <= lead) break;
      const end = Math.min(count, lead + into.length - done);
      into.set(slot.memory.subarray(lead, end), done);
      done += end - lead;
    }
    return done;
  } finally {
    slots.give(slot);
  }
}
