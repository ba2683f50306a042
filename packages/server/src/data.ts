// The data directory: owned by one server, with the records and the bytes in it.
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Log, MetadataStore } from "@holdfast/engine";
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import { type Owner, takeOwnership } from "./owner.ts";
import { openRecords } from "./records-place.ts";
import { createDiskStorage, type DiskStorage, makeDirectory } from "./storage/disk/index.ts";
import { listStored, type StoredNames, setAsideUnrecorded } from "./unrecorded.ts";

export interface DataDirectory {
  readonly owner: Owner;
  readonly storage: DiskStorage;
  readonly metadata: MetadataStore;
  /** Size of the file system that it lies on, in bytes. */
  readonly capacity: number;
  /** Moves what was stored at the opening and has no record out of the way, in the background; the function that it gives stops that and resolves when it has ended. */
  setAside(log: Log): () => Promise<void>;
  /** Closes records, then files, then lets go of the directory: whoever takes it next finds it at rest. May be repeated. */
  close(): Promise<void>;
}

const BYTES_DIRECTORY = "uploads";
const UNRECORDED_DIRECTORY = "unrecorded";
const NONE: StoredNames = new Map();

export interface DataOptions {
  readonly path: string;
  /** The address of a PostgreSQL that keeps the records; undefined for records in the directory. */
  readonly metadata: string | undefined;
  readonly onFatal: (error: HoldfastError) => void;
}

/**
 * Takes the directory and opens what is in it; where that fails everything is let go again.
 *
 * @throws HoldfastError `data_dir_busy`, `data_dir_unusable`, `metadata_unusable`
 */
export async function openData({
  path,
  metadata: address,
  onFatal,
}: DataOptions): Promise<DataDirectory> {
  const owner = takeOwnership(path, new Date());
  const opened: (() => Promise<void>)[] = [];
  async function close(): Promise<void> {
    try {
      for (let next = opened.pop(); next; next = opened.pop()) await next();
    } finally {
      owner.release();
    }
  }
  try {
    const directory = join(owner.directory, BYTES_DIRECTORY);
    await makeDirectory(directory);
    const storage = await createDiskStorage({ directory });
    opened.push(storage.close);
    let stored = await listStored(directory);
    const metadata = await openRecords({
      ...{ directory: owner.directory, address, onFatal },
      hasBytes: stored.size > 0,
    });
    opened.push(metadata.close);
    const { blocks, bsize } = await statfs(directory);
    const to = join(owner.directory, UNRECORDED_DIRECTORY);
    return {
      ...{ owner, storage, metadata, capacity: blocks * bsize, close },
      setAside(log) {
        let isStopped = false;
        const aside = { metadata, log, from: directory, to, isStopped: () => isStopped };
        const done = setAsideUnrecorded(stored, aside).catch((cause: unknown) => {
          log("error", "storage.unrecorded.failed", { cause });
        });
        // A million names are some hundred megabytes: nobody needs them once they have been looked at.
        stored = NONE;
        return async () => {
          isStopped = true;
          await done;
        };
      },
    };
  } catch (cause) {
    await close();
    if (isHoldfastError(cause)) throw cause;
    const details = { path: owner.directory };
    throw new HoldfastError("data_dir_unusable", undefined, details, cause);
  }
}
