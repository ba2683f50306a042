// What the calling thread and the writer thread say to each other.
import type { Change, CommittedPart, FileRecord, Tail, UploadRecord } from "@holdfast/engine";
import { DIGEST_SIZE, type ErrorCode, type ErrorDetails, HoldfastError } from "@holdfast/protocol";

/** Parts with their digests one after another. */
export interface PackedParts {
  readonly indexes: readonly number[];
  readonly digests: Uint8Array;
}

type WithParts = Extract<Change, { readonly parts: unknown }>;
type Pack<Some> = Some extends WithParts ? Omit<Some, "parts"> & PackedParts : Some;
/** A change as it travels between threads. */
export type PackedChange = Pack<Change>;

export type ToWriter =
  | { readonly kind: "apply"; readonly changes: readonly PackedChange[] }
  | { readonly kind: "close" };

/** An error on its way between threads, where a class would not survive. */
export interface PackedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
  /** For the log. */
  readonly cause: string | undefined;
}

/** One outcome for each change, in the order they were sent; undefined where it happened. */
export type Outcome = PackedError | undefined;

export type FromWriter =
  | { readonly kind: "ready" }
  | { readonly kind: "refused"; readonly error: PackedError }
  /** With `fatal` nothing may be written any more: in one message, so that nobody hears of the failure and not of that. */
  | {
      readonly kind: "settled";
      readonly outcomes: readonly Outcome[];
      readonly fatal?: PackedError | undefined;
    };

/**
 * The change as a message: a copy that shares no memory with what the caller holds.
 *
 * A digest is often a view into a large buffer, and a message carries the whole buffer behind a view: hence a buffer of its own.
 */
export function packChange(change: Change): PackedChange {
  switch (change.kind) {
    case "create":
      return { ...change, upload: ownUpload(change.upload) };
    case "publish":
      return { ...change, file: ownFile(change.file), outbox: { ...change.outbox } };
    case "seal":
      return change.sha256 ? { ...change, sha256: own(change.sha256) } : { ...change };
    case "withdraw":
      return { ...change, indexes: [...change.indexes] };
    case "commit": {
      const { parts, ...rest } = change;
      return { ...rest, ...packParts(parts) };
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
  return { ...tail, digest: own(tail.digest), fragment: own(tail.fragment) };
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

export function packError({ code, message, details, cause }: HoldfastError): PackedError {
  return { code, message, details, cause: cause instanceof Error ? cause.message : undefined };
}

export function unpackError({ code, message, details, cause }: PackedError): HoldfastError {
  return new HoldfastError(code, message, details, cause && new Error(cause));
}
