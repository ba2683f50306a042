// Which further buckets belong to a server, by their names: each has a mark of its own, and the bucket without a name knows all of them.
import { HoldfastError } from "@holdfast/protocol";
import type { HomeList } from "./storage/s3/home-list.ts";
import type { BucketMark } from "./storage/s3/mark.ts";

export interface NamedBucket {
  readonly name: string;
  readonly bucket: BucketMark;
  /** The bucket in words. */
  readonly where: string;
}

/** What the mark of a bucket with a name says: whose it is, and its name. */
export function markOf(place: string, name: string): string {
  return `${place}/${name}`;
}

/**
 * Every storage that uploads may be in has to be named: a file whose bucket is not known could neither be read nor removed.
 * @throws HoldfastError `storage_unusable`
 */
export function requireAllNamed(
  known: ReadonlyMap<string, string>,
  named: readonly string[],
): void {
  for (const [name, where] of known) {
    if (named.includes(name)) continue;
    const message = `files may be in the storage ${name} (${where}), and --storages does not name it`;
    throw refused(
      message,
      `Name it: --storages ${name}=s3://BUCKET/PREFIX. No tenant need go there.`,
    );
  }
}

/**
 * The bucket is this one's, by this name, or becomes so if nothing is in it. A crash in between is gone on from: it is known last.
 *
 * @throws HoldfastError `storage_unusable` where it is another's, or another one than it was; nothing is changed then.
 */
export async function pairHome(
  { name, bucket, where }: NamedBucket,
  place: string,
  homes: HomeList,
  known: ReadonlyMap<string, string>,
): Promise<void> {
  const mark = markOf(place, name);
  const there = await bucket.read();
  if (there !== undefined && there !== mark) throw otherRecords(where, name);
  if (there === undefined) {
    const before = known.get(name);
    if (before !== undefined) throw otherBucket(name, where, before);
    if (!(await bucket.isAlone())) {
      // Another server of these records has named it since, and taken bytes.
      if ((await bucket.read()) !== mark) throw unknownBytes(where, name);
    } else await bucket.write(mark);
    // Of two that begin at once, one finds the name of the other.
    if ((await bucket.read()) !== mark) throw otherRecords(where, name);
  }
  if (known.get(name) !== where) await homes.add(name, where);
}

function otherRecords(where: string, name: string): HoldfastError {
  const message = `${where} belongs to the records of another server, or has another name than ${name}`;
  return refused(message, "Give it its name, or take a prefix of its own: s3://BUCKET/PREFIX.");
}

function otherBucket(name: string, where: string, before: string): HoldfastError {
  const message = `the storage ${name} is ${before}, and ${where} is another bucket`;
  return refused(message, "Name that bucket, or give the new one a name of its own.");
}

function unknownBytes(where: string, name: string): HoldfastError {
  const message = `there are files in ${where} that no records are known of`;
  const hint = `Take a prefix of its own for ${name}: s3://BUCKET/PREFIX. What is there is left alone.`;
  return refused(message, hint);
}

function refused(message: string, hint: string): HoldfastError {
  return new HoldfastError("storage_unusable", message, { setting: "storages", hint });
}
