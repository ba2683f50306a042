// Objects in a bucket that no record knows: counted and told of, never removed. Newer objects look like this after older records were restored.
import type { MetadataStore, Place } from "@holdfast/engine";
import type { StoredKey } from "./storage/s3/stored.ts";

export interface Bucket {
  stored(): AsyncIterable<StoredKey>;
  /** Whether an object is there now. */
  isStored(key: string): Promise<boolean>;
  /** Of the bytes of a place. */
  keyOf(place: Place): string;
}

/** How many objects nobody knows of; an unfinished count where it is stopped. */
export async function countUnrecorded(
  bucket: Bucket,
  metadata: Pick<MetadataStore, "upload" | "file">,
  isStopped: () => boolean,
): Promise<number> {
  let count = 0;
  for await (const stored of bucket.stored()) {
    if (isStopped()) break;
    if (await isKnown(bucket, metadata, stored)) continue;
    // Removed meanwhile, with its record.
    if (await bucket.isStored(stored.key)) count++;
  }
  return count;
}

async function isKnown(
  { keyOf }: Bucket,
  metadata: Pick<MetadataStore, "upload" | "file">,
  { id, key, isBytes }: StoredKey,
): Promise<boolean> {
  const upload = await metadata.upload(id);
  const file = await metadata.file({ uploadId: id });
  const known = [upload, file].filter((record) => record !== undefined);
  if (!isBytes) return known.length > 0;
  return known.some(({ place }) => place !== undefined && keyOf(place) === key);
}
