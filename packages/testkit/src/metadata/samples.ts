// Records and changes that tests of metadata stores are made of.
import { randomBytes } from "node:crypto";
import type { Change, CommittedPart, FileRecord, UploadRecord } from "@holdfast/engine";
import { DIGEST_SIZE, fileId, ID_BYTES, MIB, uploadId } from "@holdfast/protocol";

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
    createdAt: 1_700_000_000_000,
    expiresAt: 1_700_000_086_400,
    epoch: 0,
    hasBytes: true,
    ...given,
  };
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
): Change {
  return { kind: "commit", id, parts: indexes.map((index) => samplePart(index)), expiresAt };
}

export function sampleFile(upload: UploadRecord): FileRecord {
  const { tenant, principal, algorithm, name, type, size, partSize } = upload;
  return {
    id: fileId(randomBytes(ID_BYTES)),
    uploadId: upload.id,
    ...{ tenant, principal, algorithm, name, type, size, partSize },
    root: randomBytes(DIGEST_SIZE),
    state: "available",
    manifestSize: 4711,
    manifestDigest: randomBytes(DIGEST_SIZE),
    createdAt: 1_700_000_001_000,
  };
}

export function samplePublish(file: FileRecord): Extract<Change, { readonly kind: "publish" }> {
  const id = randomBytes(ID_BYTES).toString("hex");
  const outbox = { id, kind: "upload.complete", fileId: file.id, at: file.createdAt } as const;
  return { kind: "publish", file, outbox };
}
