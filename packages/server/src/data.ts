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

/** What a try has found: a name that somebody has given to the records, and that the bytes have not got yet. */
interface Found {
  /** It is for these bytes: whoever was first may still be at it, or dead; what he was about to write is written for him. */
  readonly asked?: string;
  /** It is for others, which were given time to get it, and have not. */
  readonly replaces?: string;
}

/** Each further one is for one more server that was faster, or that has died on its way. */
const TRIES = 5;

/** Bytes and their records. Of servers that begin at once with new ones the first names the records, and all of them give that name to the bytes: so none waits for another, however slow or dead. */
async function openBoth(
  options: DataOptions,
  directory: string,
  examinations: Examinations,
  { asked, replaces }: Found = {},
  tries = 1,
): Promise<Both> {
  const { storage: location, several, metadata: address, origins, log, onFatal } = options;
  const isShared = address !== undefined;
  const common = { directory, isShared, origins, examinations, log };
  const bytes =
    location === undefined
      ? await openDiskBytes(directory)
      : await openBucketBytes({ location, asked, ...several, ...common });
  try {
    const metadata = await openRecords({
      ...{ directory, address, onFatal, bytes },
      ...(replaces === undefined ? {} : { replaces }),
    });
    return { bytes, metadata };
  } catch (cause) {
    const found = tries < TRIES ? await nextTry(cause, bytes) : undefined;
    await bytes.close();
    if (!found) throw cause;
    return openBoth(options, directory, examinations, found, tries + 1);
  }
}

/** Undefined where the records are others', and stay that. */
async function nextTry(cause: unknown, { naming, where }: Bytes): Promise<Found | undefined> {
  const { of, named, where: ofWhere } = isHoldfastError(cause) ? cause.details : {};
  if (of === undefined || !naming) return undefined;
  const open = of === "nobody yet" && typeof named === "string" ? named : undefined;
  if (open !== undefined && ofWhere === where) return { asked: open };
  if (await naming.isNamed()) return {};
  return open === undefined ? undefined : { replaces: open };
}
