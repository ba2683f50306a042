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
}

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
}

/**
 * The name of what is in the bucket. What has no name yet gets one: first in the directory, then in the bucket, so that a crash in between is gone on from.
 *
 * @throws HoldfastError `data_dir_unusable`, `storage_unusable` where they do not belong together; nothing is changed then.
 */
export async function pair({ directory, bucket, where, isShared }: Wanted): Promise<string> {
  const mark = readMark(directory);
  const there = await bucket.read();
  if (!mark && hasRecords(directory)) {
    const reason = "its bytes are in it, and a storage is named";
    throw refused(directory, reason, OTHER_DIRECTORY);
  }
  if (there !== undefined && there === mark?.place) return there;
  if (there !== undefined) {
    // Whether the records are those of this bucket, the records say.
    if (isShared && !mark) return named(directory, { place: there, where });
    throw otherRecords(where);
  }
  if (mark && mark.where !== where) throw otherBytes(directory, mark);
  if (!mark && !(await bucket.isAlone())) throw unknownBytes(where);
  const place = mark?.place ?? named(directory, { place: randomUUID(), where });
  await bucket.write(place);
  // Of two that begin at once, one finds the name of the other.
  if ((await bucket.read()) !== place) throw otherRecords(where);
  return place;
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
      if (typeof place === "string" && typeof where === "string") return { place, where };
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
