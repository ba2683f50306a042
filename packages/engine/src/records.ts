// The records that a metadata store keeps, and every change that can happen to them.
import type { Algorithm, FileId, Grid, Metadata, UploadId, UploadState } from "@holdfast/protocol";

/** Who acts, and whose data it is. */
export interface Principal {
  readonly id: string;
  readonly tenant: string;
  /** Names what it came in with, such as a token's id; no secret. `Policy.recall` gives the principal again by it, for what it has signed for. */
  readonly grant?: string;
  /** What it may use at most; without them there are none but the server's own. */
  readonly limits?: Limits;
}

/**
 * What one principal may use at most: policy data, told with the principal by every `authenticate`. A member that is absent sets no limit.
 * `create` and `POST /v1/files` enforce the first three, the HTTP front the last.
 */
export interface Limits {
  /** Size of one upload in bytes, and the most that one of unknown size may become: above it `size_too_large`. */
  readonly sizeMax?: number;
  /** Uploads that have not ended: above it `quota_exceeded`. */
  readonly openMax?: number;
  /** Bytes of its files and of what its uploads have declared, together: above it `quota_exceeded`. */
  readonly bytesMax?: number;
  /** Requests that bring bytes at once: above it `too_many_requests`. */
  readonly partsInFlightMax?: number;
}

/** An upload as it is stored. Sizes in bytes, times in milliseconds since 1970 by the server's clock. */
export interface UploadRecord extends Grid {
  readonly id: UploadId;
  readonly tenant: string;
  readonly principal: string;
  readonly state: UploadState;
  readonly algorithm: Algorithm;
  readonly name: string;
  readonly type: string;
  readonly metadata: Metadata;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** Raised by each withdrawal of parts, so that a decision taken on the parts of before cannot be carried out after it. */
  readonly epoch: number;
  /** Why it failed, or what its last complete met. */
  readonly error?: { readonly code: string; readonly detail: string };
  /** The file it became. */
  readonly fileId?: FileId;
  /** False once an ended upload's bytes are removed from the storage; a complete upload's bytes are its file's. */
  readonly hasBytes: boolean;
}

/** A published file. Its bytes stay where its upload put them. */
export interface FileRecord extends Grid {
  readonly id: FileId;
  readonly tenant: string;
  readonly principal: string;
  /** The upload that it was: its bytes and manifest lie in the storage under this id. */
  readonly uploadId: UploadId;
  readonly algorithm: Algorithm;
  readonly root: Uint8Array;
  readonly name: string;
  readonly type: string;
  /** Size of the manifest in bytes, and its own SHA-256: what stands in the storage must have it. */
  readonly manifestSize: number;
  readonly manifestDigest: Uint8Array;
  readonly createdAt: number;
}

/** One entry of the outbox, committed together with what it tells of, so that it is never lost nor told of something that did not happen. */
export interface OutboxEntry {
  /** Stable over retries: receivers recognise a repetition by it. */
  readonly id: string;
  readonly kind: "upload.complete";
  readonly fileId: FileId;
  readonly at: number;
}

/** A part whose bytes are written and flushed. */
export interface CommittedPart {
  readonly index: number;
  readonly digest: Uint8Array;
}

/** Which parts of an upload are committed, packed. */
export interface PartTable {
  /** Bit `i % 8`, from the least significant, of byte `i / 8`. */
  readonly bits: Uint8Array;
  /** 32 bytes for each part of the grid, zeros where it is not committed. */
  readonly digests: Uint8Array;
}

/**
 * Every change to the records: each one atomic, durable and conditional, and safe to repeat.
 *
 * A change whose condition does not hold throws `upload_not_open` with `details.state`, or `upload_not_found`, and changes nothing. One that has happened
 * already resolves again. An index outside the grid is `part_out_of_range`.
 */
export type Change =
  /** A new upload; the same record again changes nothing, whatever became of the upload since. */
  | { readonly kind: "create"; readonly upload: UploadRecord }
  /**
   * Parts of an `open` upload, all of them or none. A part that is committed with the same digest is left as it is. The expiry never goes back.
   * @throws HoldfastError `part_conflict` with `details.index` where one is committed with another digest.
   */
  | {
      readonly kind: "commit";
      readonly id: UploadId;
      readonly parts: readonly CommittedPart[];
      readonly expiresAt: number;
    }
  /** Takes parts back whose stored bytes were proved bad; `open` or `completing` becomes `open`, the epoch goes up by one. */
  | { readonly kind: "withdraw"; readonly id: UploadId; readonly indexes: readonly number[] }
  /** `open -> completing`, if the epoch is still the one that the decision was taken on: else `upload_not_open` with state and epoch as they are. */
  | { readonly kind: "seal"; readonly id: UploadId; readonly epoch: number }
  /** `completing -> open`, with what the last complete met; an `open` upload only takes the error. */
  | {
      readonly kind: "reopen";
      readonly id: UploadId;
      readonly error: { readonly code: string; readonly detail: string };
    }
  /** `completing -> complete`: the file becomes visible, with its outbox entry; an error of an earlier complete is forgotten. Another file for the same upload is refused. */
  | { readonly kind: "publish"; readonly file: FileRecord; readonly outbox: OutboxEntry }
  /** `open` or `completing` to an end without a file. Its bytes are still there. An end without an error keeps the one that was there. */
  | {
      readonly kind: "end";
      readonly id: UploadId;
      readonly state: "aborted" | "expired" | "failed";
      readonly error?: { readonly code: string; readonly detail: string };
    }
  /** The bytes of an ended upload are gone from the storage. */
  | { readonly kind: "cleared"; readonly id: UploadId };

/** Work that a crash may have interrupted. */
export type Unfinished =
  /** State `completing`: to be driven to its end. */
  | "completing"
  /** Ended without a file, its bytes still in the storage. */
  | "uncleared";
