// What a bucket holds: objects, and multipart uploads on their way to become one.
import { createHash, randomBytes } from "node:crypto";

/** Bytes, or only what is known of them: a test with a terabyte keeps none. */
export interface Content {
  readonly size: number;
  readonly sha256: Buffer;
  readonly md5: string;
  /** Absent where the bucket keeps no bytes. */
  readonly bytes?: Buffer;
}

/** What came with an object besides its bytes. Header names in lower case. */
export type Headers = ReadonlyMap<string, string>;

export interface StoredObject {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly headers: Headers;
  readonly parts: readonly Content[];
  readonly modifiedAt: number;
  /** `base64-N` over the digests of the parts, or the digest of an object that came whole. */
  readonly checksum?: string;
  /** The multipart upload that it was. */
  readonly uploadId?: string;
}

export interface Part extends Content {
  readonly modifiedAt: number;
  readonly hasChecksum: boolean;
}

export interface Multipart {
  readonly id: string;
  readonly key: string;
  readonly headers: Headers;
  readonly startedAt: number;
  readonly parts: Map<number, Part>;
}

export interface Bucket {
  readonly objects: Map<string, StoredObject>;
  readonly multiparts: Map<string, Multipart>;
  /** XML documents by the name of their query, as they were set: `cors`, `lifecycle`. */
  readonly settings: Map<string, string>;
}

export function createBucket(): Bucket {
  return { objects: new Map(), multiparts: new Map(), settings: new Map() };
}

export function beginMultipart(
  bucket: Bucket,
  what: Pick<Multipart, "key" | "headers" | "startedAt">,
): Multipart {
  const multipart = { ...what, id: randomBytes(16).toString("hex"), parts: new Map() };
  bucket.multiparts.set(multipart.id, multipart);
  return multipart;
}

export function contentOf(bytes: Buffer, keepsBytes: boolean): Content {
  return {
    size: bytes.length,
    sha256: createHash("sha256").update(bytes).digest(),
    md5: createHash("md5").update(bytes).digest("hex"),
    ...(keepsBytes ? { bytes } : {}),
  };
}

/** One object of the parts, in order. It replaces whatever had its key. */
export function joinParts(
  bucket: Bucket,
  multipart: Multipart,
  parts: readonly Part[],
  modifiedAt: number,
): StoredObject {
  const object: StoredObject = {
    key: multipart.key,
    size: parts.reduce((sum, { size }) => sum + size, 0),
    etag: `${digestOfAll(
      "md5",
      parts.map(({ md5 }) => Buffer.from(md5, "hex")),
    ).toString("hex")}-${parts.length}`,
    headers: multipart.headers,
    parts,
    modifiedAt,
    uploadId: multipart.id,
    ...(parts.every(({ hasChecksum }) => hasChecksum)
      ? { checksum: `${compositeOf(parts)}-${parts.length}` }
      : {}),
  };
  bucket.objects.set(object.key, object);
  bucket.multiparts.delete(multipart.id);
  return object;
}

/** Base64 of the SHA-256 over the SHA-256 of each part. */
export function compositeOf(parts: readonly Content[]): string {
  return digestOfAll(
    "sha256",
    parts.map(({ sha256 }) => sha256),
  ).toString("base64");
}

function digestOfAll(algorithm: string, digests: readonly Buffer[]): Buffer {
  const hash = createHash(algorithm);
  for (const digest of digests) hash.update(digest);
  return hash.digest();
}

/** Bytes of an object from `start` to before `end`. */
export function bytesOf({ parts }: StoredObject, start: number, end: number): Buffer {
  const pieces: Buffer[] = [];
  let at = 0;
  for (const { size, bytes } of parts) {
    const from = Math.max(start - at, 0);
    const to = Math.min(end - at, size);
    if (from < to) pieces.push((bytes ?? Buffer.alloc(size)).subarray(from, to));
    at += size;
  }
  return Buffer.concat(pieces);
}
