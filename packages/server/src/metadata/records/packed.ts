// A change that shares no memory with whoever asked for it: it waits for its turn, and may travel to another thread.
import type { Change, CommittedPart, FileRecord, Tail, UploadRecord } from "@holdfast/engine";
import { DIGEST_SIZE, HoldfastError } from "@holdfast/protocol";

/** Parts with their digests one after another. */
export interface PackedParts {
  readonly indexes: readonly number[];
  readonly digests: Uint8Array;
}

type WithParts = Extract<Change, { readonly parts: unknown }>;
type Pack<Some> = Some extends WithParts ? Omit<Some, "parts"> & PackedParts : Some;
/** A change as it waits and travels. */
export type PackedChange = Pack<Change>;

/**
 * A copy that shares no memory with what the caller holds.
 *
 * A digest is often a view into a large buffer, and a message carries the whole buffer behind a view: hence a buffer of its own.
 */
export function packChange(change: Change): PackedChange {
  switch (change.kind) {
    case "create":
      return { ...change, upload: ownUpload(change.upload) };
    case "publish":
    case "store-alone":
      return { ...change, file: ownFile(change.file), outbox: { ...change.outbox } };
    case "seal":
      return change.sha256 ? { ...change, sha256: own(change.sha256) } : { ...change };
    case "withdraw":
      return { ...change, indexes: [...change.indexes] };
    case "move":
      return { ...change, kept: [...change.kept] };
    case "bind": {
      const { parts, ...rest } = change;
      return { ...rest, ...packParts(parts) };
    }
    case "commit": {
      const { parts, compared = [], ...rest } = change;
      const tails = compared.map(({ index, size, digest }) => ({
        index,
        size,
        digest: own(digest),
      }));
      return { ...rest, compared: tails, ...packParts(parts) };
    }
    case "append": {
      const { parts, tail, ...rest } = change;
      return { ...rest, ...packParts(parts), ...(tail ? { tail: ownTail(tail) } : {}) };
    }
    case "store": {
      const { parts, ...rest } = change;
      const records = { upload: ownUpload(change.upload), file: ownFile(change.file) };
      return { ...rest, ...records, ...packParts(parts), outbox: { ...change.outbox } };
    }
    case "delete":
      return { ...change, outbox: { ...change.outbox } };
    case "note":
      return { ...change, note: structuredClone(change.note) };
    default:
      return { ...change };
  }
}

function packParts(parts: readonly CommittedPart[]): PackedParts {
  const digests = new Uint8Array(parts.length * DIGEST_SIZE);
  for (const [at, { digest }] of parts.entries()) {
    if (digest.length !== DIGEST_SIZE) throw new HoldfastError("internal", "no digest of a part");
    digests.set(digest, at * DIGEST_SIZE);
  }
  return { indexes: parts.map(({ index }) => index), digests };
}

function ownUpload(upload: UploadRecord): UploadRecord {
  const { key, sha256, sealedSha256, tail } = upload;
  return {
    ...upload,
    metadata: new Map(upload.metadata),
    ...(key ? { key: { name: own(key.name), request: own(key.request) } } : {}),
    ...(sha256 ? { sha256: own(sha256) } : {}),
    ...(sealedSha256 ? { sealedSha256: own(sealedSha256) } : {}),
    ...(tail ? { tail: ownTail(tail) } : {}),
  };
}

function ownTail(tail: Tail): Tail {
  const { objects } = tail;
  return {
    ...{ ...tail, digest: own(tail.digest), fragment: own(tail.fragment) },
    ...(objects ? { objects: objects.map((object) => ({ ...object })) } : {}),
  };
}

function ownFile(file: FileRecord): FileRecord {
  const { root, manifestDigest, manifest, sha256 } = file;
  const digests = { root: own(root), manifestDigest: own(manifestDigest) };
  return {
    ...file,
    ...digests,
    ...(manifest ? { manifest: own(manifest) } : {}),
    ...(sha256 ? { sha256: own(sha256) } : {}),
  };
}

function own(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
