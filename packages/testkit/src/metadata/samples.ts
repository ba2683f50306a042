// Records and changes that tests of metadata stores are made of.
import { randomBytes } from "node:crypto";
import type {
  Change,
  CommittedPart,
  FileRecord,
  Home,
  Place,
  Tail,
  UploadRecord,
} from "@holdfast/engine";
import { DIGEST_SIZE, type FileId, fileId, ID_BYTES, MIB, uploadId } from "@holdfast/protocol";

/** An open upload of `parts` parts, the last one short. */
export function sampleUpload(parts = 3, given: Partial<UploadRecord> = {}): UploadRecord {
  return {
    id: uploadId(randomBytes(ID_BYTES)),
    tenant: "tenant-1",
    principal: "principal-1",
    state: "open",
    algorithm: "sha-256",
    name: "Übung ☂.bin",
    type: "application/octet-stream",
    metadata: new Map([
      ["__proto__", "a key as any other"],
      ["", "\u0000 \u{1f30a}"],
    ]),
    size: parts === 0 ? 0 : parts * MIB - 1,
    partSize: MIB,
    hasSize: true,
    hasToldOffset: false,
    verify: "parts",
    protocol: "parts",
    note: '{"☂":"\u0001"}',
    home: "eu" as Home,
    createdAt: 1_700_000_000_000,
    expiresAt: 1_700_000_086_400,
    epoch: 0,
    version: 0,
    hasBytes: true,
    ...given,
  };
}

/** One of which nobody knows yet how its bytes will come. */
export function sampleFresh(parts = 3, given: Partial<UploadRecord> = {}): UploadRecord {
  const { protocol: _, ...fresh } = sampleUpload(parts, given);
  return fresh;
}

/** The digest that stands for content number `content` of a part; another number is another digest. */
export function sampleDigest(index: number, content = 0): Uint8Array {
  const digest = new Uint8Array(DIGEST_SIZE).fill(content + 1);
  new DataView(digest.buffer).setUint32(0, index);
  return digest;
}

export function samplePart(index: number, content = 0): CommittedPart {
  return { index, digest: sampleDigest(index, content) };
}

export function sampleCommit(
  { id, expiresAt }: UploadRecord,
  ...indexes: readonly number[]
): Extract<Change, { readonly kind: "commit" }> {
  return { kind: "commit", id, parts: indexes.map((index) => samplePart(index)), expiresAt };
}

/** Durable bytes of a part that appends have not filled. */
export function sampleTail(index: number, size: number, content = 0): Tail {
  const fragment = new Uint8Array(size % 4096).fill(content + 1);
  return { index, size, digest: sampleDigest(index, content), fragment };
}

/** The same bytes in two objects, in a storage that takes parts. */
export function sampleTailObjects(index: number, size: number, content = 0): Tail {
  const { digest } = sampleTail(index, size, content);
  const name = `${index}-${size}-${content}`;
  const objects = [
    { name: `${name}-a`, size: size - 1 },
    { name: `${name}-b`, size: 1 },
  ];
  return { index, size, digest, fragment: new Uint8Array(0), objects };
}

/** Another number is another place. */
export function samplePlace(number: number): Place {
  return JSON.stringify(["tenants/ü/☂", number]) as Place;
}

/** A file that came in one piece, and its upload. */
export function sampleStore(parts = 2, given: Partial<UploadRecord> = {}): SampleStore {
  const open = sampleUpload(parts, given);
  const manifest = new Uint8Array([123, 0, 125]);
  const { file, outbox } = samplePublish({ ...sampleFile(open), manifest });
  const upload = {
    ...open,
    state: "complete" as const,
    fileId: file.id,
    endedAt: file.createdAt,
  };
  const all = Array.from({ length: parts }, (_, index) => samplePart(index));
  return { kind: "store", upload, parts: all, file, outbox };
}

type SampleStore = Extract<Change, { readonly kind: "store" }>;

export function sampleDelete(id: FileId): Extract<Change, { readonly kind: "delete" }> {
  const entry = randomBytes(ID_BYTES).toString("hex");
  const outbox = { id: entry, kind: "file.deleted", fileId: id, at: 1_700_000_003_000 } as const;
  return { kind: "delete", id, outbox };
}

export function sampleFile(upload: UploadRecord): FileRecord {
  const { tenant, principal, algorithm, name, type, size, partSize, place, home } = upload;
  return {
    id: fileId(randomBytes(ID_BYTES)),
    uploadId: upload.id,
    ...{ tenant, principal, algorithm, name, type, size, partSize },
    ...(place === undefined ? {} : { place }),
    ...(home === undefined ? {} : { home }),
    root: new Uint8Array(randomBytes(DIGEST_SIZE)),
    state: "available",
    manifestSize: 4711,
    manifestDigest: new Uint8Array(randomBytes(DIGEST_SIZE)),
    createdAt: 1_700_000_001_000,
  };
}

export function samplePublish(file: FileRecord): Extract<Change, { readonly kind: "publish" }> {
  const id = randomBytes(ID_BYTES).toString("hex");
  const outbox = { id, kind: "upload.complete", fileId: file.id, at: file.createdAt } as const;
  return { kind: "publish", file, outbox };
}
