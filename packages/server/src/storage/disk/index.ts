// The disk storage: one data file an upload, written in place, flushed in groups, never copied or renamed.
import { createSlotPool, type RegionStorage, type SendStored, SLOT_SIZE } from "@holdfast/engine";
import {
  type GridLimits,
  HoldfastError,
  MIB,
  PART_SIZE_STEP,
  type UploadId,
} from "@holdfast/protocol";
import { remove, reset, seal } from "./close.ts";
import { storageError } from "./failure.ts";
import { ALIGNMENT, type Caching, type Fs } from "./fs.ts";
import { bringBack } from "./names.ts";
import { keepDirectory, nodeFs } from "./node-fs.ts";
import { probeCaching } from "./probe.ts";
import { type Reading, readStored, sendStored } from "./read.ts";
import { createStage, releaseWriter, requireId, type Stage } from "./stage.ts";
import { createSync, type Sync } from "./sync.ts";
import { createWrite, putObject } from "./write.ts";

export type { Access, Caching, Fs, OpenFile } from "./fs.ts";
export { makeDirectory } from "./make-directory.ts";

export interface DiskStorageOptions {
  /** A directory that exists; everything in it belongs to this storage. */
  readonly directory: string;
  readonly fs?: Fs;
  /** `cached` leaves direct I/O alone even where the file system takes it. */
  readonly caching?: "cached";
  /** Files kept open at once, more only while more are in use. */
  readonly openFilesMax?: number;
}

export interface DiskStorage extends RegionStorage {
  /** How bytes are written: past the page cache, or through it. */
  readonly caching: Caching;
  readonly send: SendStored;
  /** Files open now. */
  openFiles(): number;
  /** Resolves when every descriptor is closed. Nothing may be asked of the storage afterwards. */
  close(): Promise<void>;
}

const LIMITS: GridLimits = {
  partSizeMin: PART_SIZE_STEP,
  partSizeMax: 1024 * MIB,
  partCountMax: 100_000,
  // What ext4 can address in one file, the least of the file systems we meet.
  sizeMax: 16 * MIB * MIB - ALIGNMENT,
};

const OPEN_FILES_MAX = 512;
/** Memory that direct reads pass through: only recovery and reads of unfinished uploads use it. */
const BOUNCE_SLOTS = 4;

const KEEPS_NOTHING = { letGo: () => Promise.resolve() } as const;

/** @throws HoldfastError `data_dir_unusable` */
export async function createDiskStorage(options: DiskStorageOptions): Promise<DiskStorage> {
  const { directory, openFilesMax: openMax = OPEN_FILES_MAX } = options;
  const slots = createSlotPool(BOUNCE_SLOTS * SLOT_SIZE);
  const medium = await probeCaching(options.fs ?? nodeFs, directory, slots);
  await bringBack(options.fs ?? nodeFs, directory).catch((cause: unknown) => {
    const message = `${directory} holds files between two names that cannot be moved`;
    throw new HoldfastError("data_dir_unusable", message, {}, cause);
  });
  const { fs, letGo } = options.fs
    ? { ...KEEPS_NOTHING, fs: options.fs }
    : await keepDirectory(directory);
  const caching = options.caching ?? medium;
  const onCrowded = () => flushIdle(stage, sync);
  const stage = createStage({ fs, directory, caching, openMax, onCrowded });
  const sync = createSync(stage);
  const reading: Reading = { stage, medium, slots };
  return {
    kind: "regions",
    limits: LIMITS,
    transfer: "server",
    caching,
    write: createWrite(stage),
    flush: (id) => flush(stage, sync, id),
    seal: (id, size) => seal(stage, sync, id, size),
    read: (object, offset, into, origin) => readStored(reading, object, offset, into, origin),
    send: (object, range, outlet, state = "sealed") =>
      sendStored(stage, object, range, outlet, state),
    put: (object, pieces) => putObject(stage, sync, object, pieces),
    reset: (id) => reset(stage, id),
    remove: (id) => remove(stage, sync, id),
    async room() {
      sync.requireNames();
      return room(fs, directory);
    },
    openFiles: stage.descriptors.open,
    close: () => closeAll(stage).finally(letGo),
  };
}

/** What this process has not written it need not flush: nothing of it was ever asked to be durable here. */
async function flush(stage: Stage, sync: Sync, id: UploadId): Promise<void> {
  const upload = stage.uploads.get(requireId(id));
  if (upload) await sync.flush(upload);
}

async function closeAll(stage: Stage): Promise<void> {
  for (const upload of stage.uploads.values()) releaseWriter(upload);
  await stage.descriptors.closeAll();
}

async function room(fs: Fs, directory: string): Promise<number> {
  try {
    return (await fs.statfs(directory)).available;
  } catch (error) {
    throw storageError(error, "asking for the free space");
  }
}

/** Uploads that wrote bytes nobody flushed (a part with a wrong digest) keep a descriptor each; flushed, they can let it go. */
function flushIdle(stage: Stage, sync: Sync): void {
  for (const upload of stage.uploads.values()) {
    const isIdle = upload.queue.length === 0 && upload.flush.kind === "none";
    if (!upload.release || !isIdle || upload.state.kind !== "open") continue;
    // A failure has poisoned the upload, and its next use tells.
    sync.flush(upload).catch(() => undefined);
    return;
  }
}
