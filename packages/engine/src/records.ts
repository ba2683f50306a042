// The records that a metadata store keeps, and what it is asked of them. What can happen to them is in `changes.ts`.

import type { Algorithm, FileId, Grid, Metadata, UploadId, UploadState } from "@holdfast/protocol";
import type { FileNotes, RevokedLink } from "./notes.ts";

/** Who acts, and whose data it is. */
export interface Principal {
  readonly id: string;
  readonly tenant: string;
  /** Names what it came in with, such as a token's id; no secret. `Policy.recall` gives the principal again by it, for what it has signed for. */
  readonly grant?: string;
  /** A digest of the secret that the grant stands for now, where it has one. What is signed is bound to it and ends with it; never shown. */
  readonly credential?: string;
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

/** The `Idempotency-Key` that an upload was created with, and what was asked under it: both as SHA-256, so that a key of any kind costs the same. */
export interface CreateKey {
  readonly name: Uint8Array;
  /** Over the canonical form of the request: the same key with another request is a mistake of the client. */
  readonly request: Uint8Array;
}

/** Where a create key is unique. */
export interface KeyOwner {
  readonly tenant: string;
  readonly principal: string;
  readonly name: Uint8Array;
}

/** Where the parts of an upload go, in a storage that takes parts: a text that the storage makes and understands, and nobody else is told. */
export type Place = string & { readonly place: unique symbol };

/** The name of one of several storages: the one where everything of an upload is, for good. */
export type Home = string & { readonly home: unique symbol };

/** An immutable object that holds bytes of a tail, under a name that is used once. */
export interface TailObject {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
}

/**
 * The right of one server to do what only one may do to an upload, where several share the records: append, complete, abort, end. It ends by the store's
 * clock alone, where its holder does not renew it, and whoever takes it then has another token.
 */
export interface Claim {
  /** Raised by each server that takes it, and never lowered: a change with an older one comes too late. */
  readonly token: number;
  /** A server's name for itself. Absent once it was let go. */
  readonly holder?: string;
  /** Another server waits for it: the holder commits what came and lets go. */
  readonly isWanted: boolean;
}

/** Durable bytes of a part that appends have begun and not filled. The part is the first one that is not committed, and all before it are. */
export interface Tail {
  /** The part's index. */
  readonly index: number;
  /** From 1 to the part's size - 1, in bytes. */
  readonly size: number;
  /** Over exactly these bytes, by the upload's algorithm. */
  readonly digest: Uint8Array;
  /** The last `size % 4096` bytes: the storage has only the whole blocks before them. Empty where objects hold them all. */
  readonly fragment: Uint8Array;
  /** What holds its bytes, in their order, in a storage that takes parts. */
  readonly objects?: readonly TailObject[];
}

/** Which bytes begin a part. */
export type TailDigest = Pick<Tail, "index" | "size" | "digest">;

/** How bytes came: as parts, by appends, the whole file in one request, or by tus. */
export type Protocol = "parts" | "appends" | "file" | "tus";

/**
 * What an upload is for, where that is not a file of its own bytes. A `partial` is never published: finals read it once it has got its last byte. A `final` is
 * `completing` from create on: first its partials' bytes are appended to it in their order, then it is published.
 */
export type Role =
  | { readonly kind: "partial" }
  | { readonly kind: "final"; readonly partials: readonly UploadId[] };

/**
 * An upload as it is stored. Sizes in bytes, times in milliseconds since 1970 by the server's clock.
 *
 * Until `hasSize` the grid's `size` is the most that the upload may become.
 */
export interface UploadRecord extends Grid {
  readonly id: UploadId;
  readonly tenant: string;
  readonly principal: string;
  readonly state: UploadState;
  readonly algorithm: Algorithm;
  readonly name: string;
  readonly type: string;
  readonly metadata: Metadata;
  /** False until the size of an upload that was created without one is fixed. */
  readonly hasSize: boolean;
  readonly tail?: Tail;
  /** Where its parts go; absent where the storage takes bytes at offsets, and until the first part goes anywhere. */
  readonly place?: Place;
  /** Which of several storages keeps its bytes and what lies beside them; absent for the one that has no name. Create says, and nothing changes it. */
  readonly home?: Home;
  /** An offset was answered once. It was a promise: a withdrawal ends the upload from then on. */
  readonly hasToldOffset: boolean;
  readonly key?: CreateKey;
  /** Whole-file SHA-256 that create asked for. */
  readonly sha256?: Uint8Array;
  /** Whole-file SHA-256 that the complete under way asked for. */
  readonly sealedSha256?: Uint8Array;
  /** What is proved before the file is published: the digests of the parts as they came, or also the bytes as they are read back. */
  readonly verify: "parts" | "readback";
  readonly role?: Role;
  /** What the front-end that created it wants to hear again; nobody else reads it. */
  readonly note?: string;
  /** Which way its first bytes came, for the manifest: the first commit says, and nothing changes it any more. */
  readonly protocol?: Protocol;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** When it became complete, aborted, expired or failed. */
  readonly endedAt?: number;
  /** Raised by each withdrawal of parts, so that a decision taken on the parts of before cannot be carried out after it, and by each revocation of signed requests. */
  readonly epoch: number;
  /** Raised by each change that is carried out, those of its claim excepted: what a server remembers of the upload holds as long as this does. 0 at create. */
  readonly version: number;
  /** Absent until a server has taken it. */
  readonly claim?: Claim;
  /** Why it failed, or what its last complete met. */
  readonly error?: { readonly code: string; readonly detail: string };
  /** The file it became. */
  readonly fileId?: FileId;
  /** Links to its content that were taken back. */
  readonly revoked?: readonly RevokedLink[];
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
  /** Where its bytes are: the place of its upload, if that had one. */
  readonly place?: Place;
  /** That of its upload. */
  readonly home?: Home;
  readonly root: Uint8Array;
  /** Of the whole, where it was verified. */
  readonly sha256?: Uint8Array;
  /** `deleting` until its bytes are gone: nobody sees it any more. */
  readonly state: "available" | "deleting";
  readonly name: string;
  readonly type: string;
  /** Size of the manifest in bytes, and its own SHA-256: what stands in the storage must have it. */
  readonly manifestSize: number;
  readonly manifestDigest: Uint8Array;
  /** The manifest itself, of a file that was stored in one step: then there is none in the storage. */
  readonly manifest?: Uint8Array;
  readonly createdAt: number;
  /** What has changed about it since: never its content. */
  readonly notes?: FileNotes;
}

/** One entry of the outbox, committed together with what it tells of, so that it is never lost nor told of something that did not happen. Kept for a week at least. */
export interface OutboxEntry {
  /** Stable over retries: receivers recognise a repetition by it. */
  readonly id: string;
  readonly kind: "upload.complete" | "file.deleted";
  readonly fileId: FileId;
  readonly at: number;
}

/** A part whose bytes are written and flushed, or, in `bind`, are the only ones that will ever be. */
export interface CommittedPart {
  readonly index: number;
  readonly digest: Uint8Array;
}

/** Which parts of an upload are committed, and which are bound to a digest, packed: bit `i % 8`, from the least significant, of byte `i / 8`. */
export interface PartTable {
  /** Committed. */
  readonly bits: Uint8Array;
  /** Bound: every committed part is. */
  readonly bound: Uint8Array;
  /** 32 bytes for each part of the grid, zeros where it is not bound. */
  readonly digests: Uint8Array;
}

/** Parts as they were read, and the version of the record then: what the two reads of an upload tell goes together only if it is the same. */
export interface ReadParts extends PartTable {
  readonly version: number;
}

/**
 * Work that waits, oldest first.
 *
 * `completing`: to be driven to its end. `expired`: open, past its expiry. `uncleared`: ended without a file, bytes still in the storage.
 * `forgettable`: ended, nothing but the record is left (or a file, which stands by itself). `deleting`: files whose bytes are to be removed.
 * `damaged`: files of which stored bytes are bad.
 */
export type DueKind =
  | "completing"
  | "expired"
  | "uncleared"
  | "forgettable"
  | "deleting"
  | "damaged";

/** Of these the work is a file. */
export type DueFileKind = "deleting" | "damaged";

/** One piece of work that waits. */
export interface Due {
  /** The upload, or the one that a file was: bytes lie in the storage under it. */
  readonly id: UploadId;
  /** The file that is being deleted, or is damaged. */
  readonly fileId?: FileId;
  /** In bytes. */
  readonly size: number;
  /** When it became due by: `expiresAt`, `endedAt`, or the `createdAt` of a file. */
  readonly at: number;
}

export interface DueQuery {
  /** Only what has a lower `at`. */
  readonly before?: number;
  /** Goes on behind an entry of an earlier answer, which need not be there any more. */
  readonly after?: Due;
  readonly limit: number;
}

export interface FilesQuery {
  readonly tenant: string;
  /** Goes on behind a file of an earlier answer, which need not be there any more. */
  readonly after?: FilePosition;
  readonly limit: number;
}

/** The place of a file among those of its tenant. */
export interface FilePosition {
  readonly createdAt: number;
  readonly id: FileId;
}

export interface Counts {
  /** Uploads that have not ended. */
  readonly open: number;
  /** What these reserve and what files have, each rounded up to whole KiB: a known size counts whole from create on, an unknown one by its committed parts. */
  readonly bytes: number;
  /** Files that can be read. */
  readonly files: number;
}
