// The records that a metadata store keeps, and every change that can happen to them.
import type { Algorithm, FileId, Grid, Metadata, UploadId, UploadState } from "@holdfast/protocol";

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

/**
 * Every change to the records: each one atomic, durable and conditional, and safe to repeat.
 *
 * A change whose condition does not hold throws `upload_not_open` with `details.state`, or `upload_not_found`, and changes nothing. One that has happened
 * already resolves again. An index outside the grid is `part_out_of_range`.
 *
 * One that carries a `token` is conditional on the claim that has it, too: else `claim_lost` with `details.token`, the one that stands (0: none), unless it has
 * happened already. Without a token nobody's claim is looked at.
 *
 * `limits` are those of the upload's principal, looked at in the same step: `quota_exceeded` with `details.limit` (the member's name) and `details.max`.
 */
export type Change =
  /**
   * A new upload, without tail or claim; the same record again changes nothing, whatever became of the upload since.
   * @throws HoldfastError `quota_exceeded`; `idempotency_conflict` where another upload has the same key.
   */
  | { readonly kind: "create"; readonly upload: UploadRecord; readonly limits?: Limits }
  /**
   * Where the parts of an `open` upload (of a final: or `completing`) go, once; the same place again changes nothing.
   * @throws HoldfastError `upload_not_open` where another one stands: the record says which; `internal` where bytes were stored already, which lie in no place.
   */
  | { readonly kind: "place"; readonly id: UploadId; readonly place: Place }
  /**
   * Another place for the parts of an upload, `instead` of the one that it has; the same again changes nothing. `open` or `completing` becomes `open` (a final
   * stays what it is), the epoch goes up by one. Committed parts that are `kept` stay so, since their bytes are in the new place already; every other part is neither committed nor bound there.
   *
   * Where an offset was told and a committed part is not kept, the upload fails as by `withdraw`, and the old place stands.
   * @throws HoldfastError `upload_not_open` where its place is neither of the two.
   */
  | {
      readonly kind: "move";
      readonly id: UploadId;
      readonly token?: number;
      readonly place: Place;
      readonly instead: Place;
      readonly kept: readonly number[];
      readonly at: number;
    }
  /**
   * Binds parts of an `open` upload (of a final: or `completing`) to their digests, all of them or none and for ever: whoever writes one of them into this place, at whatever time, brings these bytes.
   * A part that is bound to the same digest, or committed with it, is left as it is. While the size is unknown every part is a whole one.
   *
   * `size` is that of the upload as whoever binds knows it, and so that of the parts whose digests these are: another server may have fixed it since.
   * @throws HoldfastError `size_mismatch` with `details.size` where a part has another size by what stands; `part_conflict` as for `commit`; `upload_not_open` where the upload's place is another one.
   */
  | {
      readonly kind: "bind";
      readonly id: UploadId;
      readonly place: Place;
      readonly size: number;
      readonly parts: readonly CommittedPart[];
    }
  /**
   * Parts of an `open` upload, all of them or none. A part that is committed with the same digest is left as it is. The expiry never goes back.
   * A tail of one of them goes with it, and has to be one that its bytes were `compared` with: another server may have appended since.
   * Bytes that were the first came as `parts`. What was not bound is bound with that. `place` is where their bytes are: parts elsewhere than in the upload's place are refused.
   * @throws HoldfastError `part_conflict` with `details.index` where one has another digest, and with that in `details.committed`, or in `details.bound` where no
   * bytes have it and `committed` is false; `append_in_progress` with `details.index` where one has a tail that it was not compared with; `upload_not_open` where the upload's place is another one; `quota_exceeded` where the size is unknown.
   */
  | {
      readonly kind: "commit";
      readonly id: UploadId;
      readonly place?: Place;
      readonly parts: readonly CommittedPart[];
      readonly compared?: readonly TailDigest[];
      readonly expiresAt: number;
      readonly limits?: Limits;
    }
  /**
   * What an append brought: whole parts, then the tail that is left, if any; it stands in place of the tail of before. An offset has been told from here on.
   * Bytes that were the first came by `appends`.
   * With `size` the size is fixed in the same step. Conditional on `open` (of a final: or `completing`), and on the upload ending where the append began.
   *
   * One that has just happened resolves again. The tail begins where the parts end: anything else is `internal`. `place` is where the bytes of whole parts are, as for `commit`.
   * @throws HoldfastError `offset_mismatch` with `details.offset`; `part_conflict`, `quota_exceeded` as for `commit`; `size_mismatch`, `size_too_large` as for `fix-size`;
   * `size_mismatch` with `details.size` too where the tail ends at or behind a size that another server has fixed.
   */
  | {
      readonly kind: "append";
      readonly id: UploadId;
      readonly token?: number;
      /** The offset that the append began at. */
      readonly at: number;
      readonly place?: Place;
      readonly parts: readonly CommittedPart[];
      readonly tail?: Tail;
      readonly size?: number;
      readonly expiresAt: number;
      readonly limits?: Limits;
    }
  /**
   * The size of an `open` upload that was created without one: once. The grid shrinks to it.
   * @throws HoldfastError `size_mismatch` where another size is fixed (`details.size`), or a part that is committed or bound, or a tail, would be cut (`details.end`); `size_too_large`; `quota_exceeded`.
   */
  | {
      readonly kind: "fix-size";
      readonly id: UploadId;
      readonly size: number;
      readonly limits?: Limits;
    }
  /** An offset of an `open` or `completing` upload is about to be answered. */
  | { readonly kind: "told"; readonly id: UploadId }
  /**
   * Takes parts back whose stored bytes were proved bad; `open` or `completing` becomes `open`, or `failed` where an offset was told; the epoch goes up by one.
   * What has a place stays bound there: late writers still bring those bytes.
   */
  | {
      readonly kind: "withdraw";
      readonly id: UploadId;
      readonly token?: number;
      readonly indexes: readonly number[];
      readonly at: number;
    }
  /**
   * `open -> completing`, if the epoch is still the one that the decision was taken on: else `upload_not_open` with state and epoch as they are.
   * `sha256` is remembered until the upload is open again or at its end; one that is completing already keeps what it has.
   */
  | {
      readonly kind: "seal";
      readonly id: UploadId;
      readonly token?: number;
      readonly epoch: number;
      readonly sha256?: Uint8Array;
    }
  /** Raises the epoch of an `open` upload by one, from the one that was known: what was signed for it is worth nothing any more. A higher one stays. */
  | { readonly kind: "revoke"; readonly id: UploadId; readonly epoch: number }
  /** `completing -> open`, with what the last complete met; an `open` upload only takes the error. */
  | {
      readonly kind: "reopen";
      readonly id: UploadId;
      readonly token?: number;
      readonly error: { readonly code: string; readonly detail: string };
    }
  /** `completing -> complete`: the file becomes visible, with its outbox entry; an error of an earlier complete and the tail are forgotten. Another file for the same upload is refused; its place is the upload's. */
  | {
      readonly kind: "publish";
      readonly token?: number;
      readonly file: FileRecord;
      readonly outbox: OutboxEntry;
    }
  /**
   * A file that came in one piece: its upload, which is `complete` from the start, and the file become visible together. As `create` and `publish` in one.
   * @throws HoldfastError `quota_exceeded`; `idempotency_conflict`
   */
  | {
      readonly kind: "store";
      readonly upload: UploadRecord;
      /** All of them. */
      readonly parts: readonly CommittedPart[];
      readonly file: FileRecord;
      readonly outbox: OutboxEntry;
      readonly limits?: Limits;
    }
  /**
   * A file that came in one piece and has no record of an upload: nobody knows one by the id that its bytes lie under. As `store` for everything else.
   * The same file again changes nothing.
   * @throws HoldfastError `quota_exceeded`
   */
  | {
      readonly kind: "store-alone";
      readonly file: FileRecord;
      readonly outbox: OutboxEntry;
      readonly limits?: Limits;
    }
  /** `open` or `completing` to an end without a file. Its bytes are still there. An end without an error keeps the one that was there. */
  | {
      readonly kind: "end";
      readonly id: UploadId;
      readonly token?: number;
      readonly state: "aborted" | "expired" | "failed";
      readonly at: number;
      readonly error?: { readonly code: string; readonly detail: string };
    }
  /** `open -> expired`, if it has expired at `now`: a commit may have come in between, and then this is `upload_not_open` with `details.expiresAt`. */
  | {
      readonly kind: "expire";
      readonly id: UploadId;
      readonly token?: number;
      readonly now: number;
    }
  /**
   * Takes the claim of an upload in any state, for `lifeMs` from now on: where nobody holds it, or its holder did not renew it in time, or it has been wanted for
   * `patienceMs` and was not let go. The same again changes nothing.
   *
   * `token` is one more than the one that stands, or 1: of those that have seen the same claim one gets it.
   * @throws HoldfastError `claim_lost` with `details.token`, the one that stands; where somebody holds it, `details.leftMs` is how long it lasts if nobody renews it.
   */
  | {
      readonly kind: "claim";
      readonly id: UploadId;
      readonly holder: string;
      readonly token: number;
      readonly lifeMs: number;
      readonly patienceMs?: number;
    }
  /** The holder goes on for `lifeMs` from now on. Late is soon enough, as long as nobody has taken it. @throws HoldfastError `claim_lost` */
  | {
      readonly kind: "renew";
      readonly id: UploadId;
      readonly token: number;
      readonly lifeMs: number;
    }
  /** Another server waits for the claim with this token, from the first time that it says so. Where nobody holds that one any more nothing is waited for. */
  | { readonly kind: "want"; readonly id: UploadId; readonly token: number }
  /** The holder lets go, once nothing that it has issued is under way. Where it does not hold it any more nothing changes. */
  | { readonly kind: "release"; readonly id: UploadId; readonly token: number }
  /** The bytes of an ended upload are gone from the storage. */
  | { readonly kind: "cleared"; readonly id: UploadId }
  /** Removes the record of an upload that has ended before a moment, and has no bytes of its own any more: they are removed, or a file's. */
  | { readonly kind: "forget"; readonly id: UploadId; readonly before: number }
  /**
   * Hides a file, with its outbox entry; its bytes are still there. The record of the upload that it was goes with it: there is no file to name there.
   * @throws HoldfastError `file_not_found`
   */
  | { readonly kind: "delete"; readonly id: FileId; readonly outbox: OutboxEntry }
  /** The bytes of a hidden file are gone from the storage: its record goes too. */
  | { readonly kind: "erased"; readonly id: FileId };

/**
 * Work that waits, oldest first.
 *
 * `completing`: to be driven to its end. `expired`: open, past its expiry. `uncleared`: ended without a file, bytes still in the storage.
 * `forgettable`: ended, nothing but the record is left (or a file, which stands by itself). `deleting`: files whose bytes are to be removed.
 */
export type DueKind = "completing" | "expired" | "uncleared" | "forgettable" | "deleting";

/** One piece of work that waits. */
export interface Due {
  /** The upload, or the one that a file was: bytes lie in the storage under it. */
  readonly id: UploadId;
  /** The file that is being deleted. */
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
