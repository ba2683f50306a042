// The data directory: owned by one server, with the records and the bytes in it, or the names of where they are.
import type { Log, MetadataStore } from "@holdfast/engine";
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import type { Bytes } from "./bytes.ts";
import { openBucketBytes } from "./bytes-bucket.ts";
import { openDiskBytes } from "./bytes-disk.ts";
import { type Examinations, openExaminations } from "./examined.ts";
import { beginLife, type Lives } from "./lives.ts";
import { type Owner, takeOwnership } from "./owner.ts";
import { openRecords } from "./records-place.ts";
import type { Several } from "./several.ts";

export interface DataDirectory {
  readonly owner: Owner;
  readonly bytes: Bytes;
  readonly metadata: MetadataStore;
  /** This server's among those that share records and bytes; absent where it is the only one. */
  readonly life?: Lives;
  /** Closes records, then bytes, then lets go of the directory: whoever takes it next finds it at rest. May be repeated. */
  close(): Promise<void>;
}

export interface DataOptions {
  readonly path: string;
  /** The address of a bucket that keeps the bytes; undefined for bytes in the directory. */
  readonly storage: string | undefined;
  readonly several: Several;
  /** The address of a PostgreSQL that keeps the records; undefined for records in the directory. */
  readonly metadata: string | undefined;
  /** Origins whose pages may use the server. */
  readonly origins: readonly string[];
  readonly log: Log;
  readonly onFatal: (error: HoldfastError) => void;
}

/**
 * Takes the directory and opens what is in it; where that fails everything is let go again.
 *
 * @throws HoldfastError `data_dir_busy`, `data_dir_unusable`, `storage_unusable`, `metadata_unusable`, `usage`
 */
export async function openData(options: DataOptions): Promise<DataDirectory> {
  const { path, metadata: address, log } = options;
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
    const { directory } = owner;
    const examinations = openExaminations(directory, log);
    const { bytes, metadata } = await openBoth(options, directory, examinations);
    opened.push(bytes.close, metadata.close, async () => examinations.forget());
    const isOneOf = address !== undefined && bytes.storage.kind === "parts";
    const life = isOneOf ? { life: beginLife(directory, log) } : {};
    return { owner, bytes, metadata, close, ...life };
  } catch (cause) {
    await close();
    if (isHoldfastError(cause)) throw cause;
    const details = { path: owner.directory };
    throw new HoldfastError("data_dir_unusable", undefined, details, cause);
  }
}

interface Both {
  readonly bytes: Bytes;
  readonly metadata: MetadataStore;
}

/** Several may find at one moment that one has died: one names both, the others find that. */
const TRIES = 3;

/** Bytes and their records. Of servers that begin at once with new ones one names them, and the others find its name the second time; or name them themselves, where that one has died on the way. */
async function openBoth(
  options: DataOptions,
  directory: string,
  examinations: Examinations,
  tries = 1,
): Promise<Both> {
  const { storage: location, several, metadata: address, origins, log, onFatal } = options;
  const isShared = address !== undefined;
  const common = { directory, isShared, origins, examinations, log };
  const bytes =
    location === undefined
      ? await openDiskBytes(directory)
      : await openBucketBytes({ location, ...several, ...common });
  try {
    const metadata = await openRecords({
      ...{ directory, address, onFatal, bytes },
      takesOpen: tries > 1,
    });
    return { bytes, metadata };
  } catch (cause) {
    const { of } = isHoldfastError(cause) ? cause.details : {};
    const mayTry = of !== undefined && tries < TRIES;
    const isNamed = mayTry && (await bytes.naming?.isNamed());
    await bytes.close();
    // Whoever has named the records of nobody yet is given time to name the bucket, and has not: it died.
    if (!mayTry || !(isNamed || of === "nobody yet")) throw cause;
    return openBoth(options, directory, examinations, tries + 1);
  }
}
