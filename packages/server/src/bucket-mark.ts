// Which bucket and which data directory belong together: a mark in each has the same name. Records that are not those of a bucket would have its bytes swept away.
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { HoldfastError } from "@holdfast/protocol";
import { replaceFile } from "./durable-file.ts";
import { hasRecords } from "./records-place.ts";
import type { BucketMark } from "./storage/s3/mark.ts";

const MARK_FILE = "storage.json";

/** What the data directory says of the bucket that its bytes are in. */
interface Mark {
  readonly place: string;
  /** In words, as it was when it was named. */
  readonly where: string;
  /** The records have not said yet that it is theirs: another server may have named them and the bucket. */
  readonly isAsked?: boolean;
}

/** A bucket and a directory that go together. */
export interface Pair {
  readonly place: string;
  /** Of a bucket without a name whose records may be named by another server at the same moment: they decide. */
  readonly naming?: Naming;
}

export interface Naming {
  /** The records have it: now the bucket gets it. @throws HoldfastError `storage_unusable` where the bucket is that of other records by now; `storage_failed` */
  keep(): Promise<void>;
  /** The records have another: resolves with true as soon as the bucket has a name, too, and with false where it does not get one. */
  isNamed(): Promise<boolean>;
}

/** Milliseconds that whoever was first with the records has to name the bucket, and between two looks. */
const NAMED_WITHIN_MS = 10_000;
const LOOK_MS = 100;

/** @throws HoldfastError `data_dir_unusable` where the bytes are in a bucket. */
export function requireOnDisk(directory: string): void {
  const mark = readMark(directory);
  if (!mark) return;
  const hint = `Start with --storage and the address of ${mark.where} (HOLDFAST_STORAGE).`;
  throw refused(directory, `its bytes are in ${mark.where}, and no storage is named`, hint);
}

export interface Wanted {
  readonly directory: string;
  readonly bucket: BucketMark;
  /** The bucket in words. */
  readonly where: string;
  /** Whether the records are elsewhere, so that several data directories may be of one bucket. */
  readonly isShared: boolean;
  /** The name that the records have, where the bucket has none yet. */
  readonly asked?: string | undefined;
}

/**
 * The name of what is in the bucket. What has no name yet gets one: first in the directory, then in the bucket, so that a crash in between is gone on from.
 * Where several servers may begin at once the records come before the bucket: they are named once.
 *
 * @throws HoldfastError `data_dir_unusable`, `storage_unusable` where they do not belong together; nothing is changed then.
 */
export async function pair(wanted: Wanted): Promise<Pair> {
  const { directory, bucket, where, isShared, asked } = wanted;
  const mark = readMark(directory);
  const there = await bucket.read();
  if (!mark && hasRecords(directory)) {
    const reason = "its bytes are in it, and a storage is named";
    throw refused(directory, reason, OTHER_DIRECTORY);
  }
  const isOpen = !mark || mark.isAsked === true;
  if (there !== undefined && there === mark?.place) {
    return { place: isOpen ? named(directory, { place: there, where }) : there };
  }
  if (there !== undefined) {
    // Whether the records are those of this bucket, the records say.
    if (isShared && isOpen) return { place: named(directory, { place: there, where }) };
    throw otherRecords(where);
  }
  if (mark && mark.where !== where) throw otherBytes(directory, mark);
  if (!mark && !(await bucket.isAlone())) {
    // Another server has named it since, and taken bytes.
    if (isShared && (await bucket.read()) !== undefined) return pair(wanted);
    throw unknownBytes(where);
  }
  if (isShared) return name(wanted, asked ?? mark?.place ?? randomUUID());
  const place = mark?.place ?? named(directory, { place: randomUUID(), where });
  await bucket.write(place);
  // Of two that begin at once, one finds the name of the other.
  if ((await bucket.read()) !== place) throw otherRecords(where);
  return { place };
}

/**
 * Called before records that are new become those of a bucket: they are named before it is. So one with a name is that of other records, however empty it is.
 *
 * @throws HoldfastError `storage_unusable`
 */
export async function requireUnknown(
  { bucket, where }: Pick<Wanted, "bucket" | "where">,
  naming: Naming | undefined,
): Promise<void> {
  if (!naming) throw otherRecords(where);
  if (await bucket.isAlone()) return;
  // Another server has named both since, and taken bytes: the records will say so.
  if ((await bucket.read()) === undefined) throw unknownBytes(where);
}

function name({ directory, bucket, where }: Wanted, place: string): Pair {
  named(directory, { place, where, isAsked: true });
  const naming: Naming = {
    async keep() {
      const there = await bucket.read();
      // Servers of other records may have begun with it.
      if (there !== undefined && there !== place) throw otherRecords(where);
      await bucket.write(place);
      if ((await bucket.read()) !== place) throw otherRecords(where);
      named(directory, { place, where });
    },
    async isNamed() {
      for (const until = performance.now() + NAMED_WITHIN_MS; performance.now() < until; ) {
        if ((await bucket.read()) !== undefined) return true;
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
      return false;
    },
  };
  return { place, naming };
}

function named(directory: string, mark: Mark): string {
  replaceFile(join(directory, MARK_FILE), `${JSON.stringify(mark)}\n`);
  return mark.place;
}

const OTHER_DIRECTORY =
  "Start without --storage, or give --data another directory: bytes do not move from one to the other.";

function otherRecords(where: string): HoldfastError {
  const message = `${where} belongs to the records of another server`;
  const hint =
    "Start with that server's data directory, or its --metadata; or take a prefix of your own: s3://BUCKET/PREFIX.";
  return new HoldfastError("storage_unusable", message, { setting: "storage", hint });
}

function otherBytes(directory: string, mark: Mark): HoldfastError {
  const reason = `its bytes are in ${mark.where}, and --storage names a bucket without them`;
  return refused(directory, reason, "Name that bucket, or give --data another directory.");
}

function unknownBytes(where: string): HoldfastError {
  const message = `there are files in ${where} that no records are known of`;
  const hint =
    "Put back holdfast.json there, or take a prefix of your own: s3://BUCKET/PREFIX. What is there is left alone.";
  return new HoldfastError("storage_unusable", message, { setting: "storage", hint });
}

function readMark(directory: string): Mark | undefined {
  const path = join(directory, MARK_FILE);
  if (!existsSync(path)) return undefined;
  try {
    const mark: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof mark === "object" && mark && "place" in mark && "where" in mark) {
      const { place, where } = mark;
      const isAsked = "isAsked" in mark && mark.isAsked === true;
      if (typeof place === "string" && typeof where === "string") return { place, where, isAsked };
    }
  } catch (cause) {
    throw damaged(directory, cause);
  }
  throw damaged(directory);
}

function damaged(directory: string, cause?: unknown): HoldfastError {
  const reason = `${MARK_FILE} in it, which names the bucket that its bytes are in, cannot be read`;
  return refused(directory, reason, "Put back a copy of that file.", cause);
}

function refused(path: string, reason: string, hint: string, cause?: unknown): HoldfastError {
  const details = { path, reason, hint };
  return new HoldfastError("data_dir_unusable", `${path}: ${reason}`, details, cause);
}
