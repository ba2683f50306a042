// What the calling thread and the writer thread say to each other.
import type { Change } from "@holdfast/engine";
import {
  DIGEST_SIZE,
  type ErrorCode,
  type ErrorDetails,
  HoldfastError,
  type UploadId,
} from "@holdfast/protocol";

/** A commit with the digests of its parts one after another. */
export interface PackedCommit {
  readonly kind: "commit";
  readonly id: UploadId;
  readonly indexes: readonly number[];
  readonly digests: Uint8Array;
  readonly expiresAt: number;
}

export type PackedChange = Exclude<Change, { readonly kind: "commit" }> | PackedCommit;

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
  if (change.kind === "publish") {
    const { file, outbox } = change;
    const root = new Uint8Array(file.root);
    const manifestDigest = new Uint8Array(file.manifestDigest);
    return { kind: "publish", file: { ...file, root, manifestDigest }, outbox: { ...outbox } };
  }
  if (change.kind === "create") {
    const { upload } = change;
    return { kind: "create", upload: { ...upload, metadata: new Map(upload.metadata) } };
  }
  if (change.kind === "withdraw") return { ...change, indexes: [...change.indexes] };
  if (change.kind !== "commit") return { ...change };
  const digests = new Uint8Array(change.parts.length * DIGEST_SIZE);
  for (const [at, { digest }] of change.parts.entries()) {
    if (digest.length !== DIGEST_SIZE) throw new HoldfastError("internal", "no digest of a part");
    digests.set(digest, at * DIGEST_SIZE);
  }
  const indexes = change.parts.map(({ index }) => index);
  return { kind: "commit", id: change.id, indexes, digests, expiresAt: change.expiresAt };
}

export function packError({ code, message, details, cause }: HoldfastError): PackedError {
  return { code, message, details, cause: cause instanceof Error ? cause.message : undefined };
}

export function unpackError({ code, message, details, cause }: PackedError): HoldfastError {
  return new HoldfastError(code, message, details, cause && new Error(cause));
}
