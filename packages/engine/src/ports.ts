// The ports of the engine. Read this first: everything the engine knows of the world is here.

import type {
  Algorithm,
  ByteRange,
  FileId,
  GridLimits,
  HoldfastError,
  TransferWay,
  UploadId,
} from "@holdfast/protocol";
import type { Change } from "./changes.ts";
import type {
  Counts,
  Due,
  DueKind,
  DueQuery,
  FileRecord,
  FilesQuery,
  Home,
  KeyOwner,
  Place,
  Principal,
  ReadParts,
  UploadRecord,
} from "./records.ts";
import type { Slot } from "./slots.ts";

/** Where bytes live: one of two kinds, which have little in common but their use (docs/adr/0014). */
export type Storage = RegionStorage | PartStorage;

/**
 * Where bytes live that may be written anywhere and are durable once that is asked for: a disk. One upload has one body of bytes and, once complete, one
 * manifest beside it.
 *
 * Failures are HoldfastErrors `storage_full` (no room: nothing that was flushed is harmed) or `storage_failed` (anything else; what it touched is
 * poisoned until `reset`). A `storage_failed` with `details.isHarmless` could not even begin: nothing was touched. A read that fails with `details.isUnreadable` has
 * met bytes that the medium cannot give any more: they are as good as gone until they are written again.
 */
export interface RegionStorage {
  readonly kind: "regions";
  /** What this storage can take; probed where stores differ. */
  readonly limits: GridLimits;
  /** Which way parts best get here; either way works. */
  readonly transfer: TransferWay;

  /**
   * Writes the first `size` bytes of `slot` at byte `offset` of an upload. Resolves when the slot may be used again; nothing is durable before `flush`.
   *
   * `offset` is a multiple of 4 KiB; `size` is too, but for the end of the upload, where the storage may write zeros up to the next multiple (the slot's
   * memory behind `size` is free for that): `seal` cuts them off. The engine writes only into regions that are claimed and not committed.
   * May be repeated. Rejects after `seal`, and after a failed `flush` until `reset`.
   */
  write(id: UploadId, offset: number, slot: Slot, size: number): Promise<void>;

  /**
   * Resolves when every write that had resolved before the call survives power loss, and so does the directory entry of what holds it.
   * Calls are grouped: one flush at a time an upload, each covering all that was written when it began. After a rejection nothing that it covered is durable, and nothing may be
   * flushed again before `reset` (Linux forgets a failed write-back).
   */
  flush(id: UploadId): Promise<void>;

  /**
   * No further writes: waits for those that were issued, cuts the bytes to exactly `size`, flushes, closes. May be repeated.
   * An upload that goes on after all is opened again by its next write.
   */
  seal(id: UploadId, size: number): Promise<void>;

  /**
   * Fills `into` with bytes of an upload or its manifest from byte `offset` on; resolves with the number read, fewer than asked only at the end.
   * What is not there reads as empty.
   * `origin: "medium"` reads past every cache, where the storage can: for proving what is really stored. `shared` looks first for what many have been sent, of an upload that still grows.
   */
  read(
    object: StoredObject,
    offset: number,
    into: Uint8Array,
    origin?: ReadOrigin,
  ): Promise<number>;

  /**
   * Stores a whole object durably: a manifest beside the bytes, or bytes that are all there at once and sealed with that. Whole or not at all as far as any
   * reader of a published file can tell. May be repeated, a manifest with other content too.
   * A manifest comes in pieces, each one free again when the next is asked for, and is asked for once. Bytes are one piece, which stays as it is until this has settled.
   */
  put(object: StoredObject, pieces: Iterable<Uint8Array>): Promise<void>;

  /** After an I/O error, once no write or flush is under way: closes every descriptor of the upload, so that the next use opens it afresh. May be repeated. */
  reset(id: UploadId): Promise<void>;

  /** Removes bytes and manifest durably; nothing there is fine. */
  remove(id: UploadId): Promise<void>;

  /** Bytes that may still be stored, for the status page and readiness. @throws HoldfastError `storage_failed` also where nothing new can be kept until the next start. */
  room(): Promise<number>;
}

export type ReadOrigin = "medium" | "shared";

/** A connection that the kernel can fill from a file by itself, without the bytes passing through this process. Only behind a first piece: the head of a reply goes out with that. */
export interface Outlet {
  /**
   * Where up to `size` bytes may go at this moment, and for no wait longer: undefined where it is gone, full, or has other bytes to send before; `none` where it never has such a way. `most` is how many of them.
   * What was begun and did not go, goes next, whichever way.
   */
  begin(size: number): { readonly descriptor: number; readonly most: number } | "none" | undefined;
  /** Told of the bytes that went that way, in the same turn. */
  took(count: number): void;
}

/**
 * Sends bytes of what is stored to a connection, as many as it takes at once: 0 where it is full or gone, which whoever writes to it next learns.
 * Undefined where they are not to be had without waiting, or not in this way: they have to be read. Never rejects; may be repeated from where it came to.
 *
 * It is sealed, unless it is said to be `growing`: then these bytes are committed, others behind them may be written meanwhile, and only whole pages of memory go, which are brought where
 * the kernel has them: worth it where many are sent the same.
 */
export type SendStored = (
  object: StoredObject,
  range: ByteRange,
  outlet: Outlet,
  state?: "sealed" | "growing",
) => Promise<number | undefined>;

export interface StoredObject {
  readonly id: UploadId;
  readonly kind: "bytes" | "manifest";
}

/**
 * Where bytes live that come part by part, each with its digest: an object store. Nothing of them can be read before they are assembled, but in a place that is staged.
 *
 * A part may be written again at any time by whoever was once allowed to, so each one is bound to its digest by a record before a byte goes out or an
 * address is signed, and the store takes no other bytes. Failures are `storage_failed`, with `details.retryAfter` where the store asked for patience, and `details.isPlaceGone` where it has dropped the place and all that was in it.
 */
export interface PartStorage {
  readonly kind: "parts";
  /** What this storage can take; probed where stores differ. */
  readonly limits: GridLimits;
  /** Which way parts best get here. */
  readonly transfer: TransferWay;
  /** Manifests, tails, and what was assembled. */
  readonly objects: ObjectStorage;
  /** Where everything of a new upload of a tenant's goes: one of several storages by its name; undefined for the one that has none. */
  homeOf(tenant: string): Home | undefined;
  /**
   * Begins a place of its own for the parts of an upload, in its home. It has to stand in the upload's record before anything goes there; one that nobody keeps is found by `unfinished`.
   * One that is `staged` is a name: the store is not asked, and nothing is there before the first part is.
   */
  begin(id: UploadId, type: string, home?: Home, form?: PlaceForm): Promise<Place>;
  /**
   * Resolves when the part survives whatever the store survives. May be repeated, beside itself too.
   * @throws HoldfastError `digest_mismatch` where the store says that these are not the bytes of the digest: none of them were kept.
   */
  putPart(place: Place, part: BoundPart, body: PartBody, signal?: AbortSignal): Promise<void>;
  /**
   * Requests that bring these parts without us, each bound to index, size and digest, for `lifeMs` milliseconds.
   * @throws HoldfastError `digest_unsupported` where the store could not hold them to it, or the place is staged.
   */
  sign(
    place: Place,
    parts: readonly BoundPart[],
    lifeMs: number,
  ): Promise<readonly SignedRequest[]>;
  /** The parts `start` (inclusive) to `end` (exclusive) that the store itself lists, with their size, and their digest where it tells it. None of a staged place: nobody is signed for it, so that we know them all. */
  listed(place: Place, start: number, end: number): Promise<ReadonlyMap<number, ListedPart>>;
  /**
   * Makes one object of all parts, which can be read from then on and takes no more; what was staged goes then or soon after, or is found by `objects.list`. May be repeated, also after an answer that was lost.
   * @throws HoldfastError `parts_missing` with `details.missing`: the store does not have them, or has others.
   */
  assemble(place: Place, parts: readonly BoundPart[]): Promise<void>;
  /** Removes the parts, or what became of them, and whatever still lands while it does; nothing there is fine. */
  discard(place: Place): Promise<void>;
  /** Places that were begun before a moment and are neither assembled nor discarded: whether anybody still wants them is not the storage's to know. */
  unfinished(before: number): AsyncIterable<{ readonly id: UploadId; readonly place: Place }>;
}

/** How a place keeps parts until they are one object: `joined` in the making of it, where nobody can read them, or `staged` as an object each, for which they are copied in the end. */
export type PlaceForm = "joined" | "staged";

/** Objects that are written whole, and read from anywhere. */
export interface ObjectStorage {
  /** Whether the parts of a place can be read as soon as they are stored. */
  isStaged(place: Place): boolean;
  /**
   * Bytes from `start` to before `end`, in pieces of any size that are the reader's own. A connection that breaks on the way is gone on with.
   * Ends early where the object does; what is not there reads as empty.
   */
  read(object: PlacedObject, range: ByteRange): AsyncIterable<Uint8Array>;
  /** An address from which anybody may read what was assembled, until it ends; undefined where the storage has none. */
  address(place: Place, terms: ReadTerms): Promise<string | undefined>;
  /** Stores a whole object durably, of a size that fits memory. May be repeated. */
  put(object: PlacedObject, bytes: Uint8Array): Promise<void>;
  /** Removes it; nothing there is fine. */
  remove(object: PlacedObject): Promise<void>;
  /** Removes the tails of an upload whose names `isSpent`, whoever stored them, and leaves everything else; nothing there is fine. */
  removeTails(id: UploadId, isSpent: (name: string) => boolean, home?: Home): Promise<void>;
  /** Removes everything that was stored for an upload but its places, and every object that was made of one. */
  removeAll(id: UploadId, home?: Home): Promise<void>;
  /** Every object of uploads, whoever stored it. What comes or goes meanwhile is among them or not. */
  list(): AsyncIterable<ListedObject>;
}

/** What an address to read from says, and no reader can change. */
export interface ReadTerms {
  /** Milliseconds, a second at least. */
  readonly lifeMs: number;
  /** Media type. */
  readonly type: string;
  /** Content-Disposition. */
  readonly disposition: string;
}

export interface ListedObject {
  /** The upload that it was stored for. */
  readonly id: UploadId;
  /** To be removed by; the place of bytes is no place that anything else may be asked of. */
  readonly object: PlacedObject;
  /** Whether it is what became of this place. */
  isIn(place: Place): boolean;
  /** In bytes. */
  readonly size: number;
  /** Milliseconds since it was written, by the storage's own clock. */
  readonly ageMs: number;
}

export type PlacedObject =
  | { readonly kind: "bytes"; readonly place: Place }
  /** One part of a staged place, until that is assembled. */
  | { readonly kind: "part"; readonly place: Place; readonly index: number }
  /**
   * `manifest`: by the digest of its bytes, so that whoever comes late writes the same once more, or something that nobody names.
   * `tail`: bytes of a part that appends have not filled yet, under a name that is used once.
   */
  | {
      readonly kind: "manifest" | "tail";
      readonly id: UploadId;
      readonly name: string;
      readonly home?: Home | undefined;
    };

/** A part as it was bound: no other bytes will ever stand there. */
export interface BoundPart {
  readonly index: number;
  /** In bytes. */
  readonly size: number;
  /** SHA-256. */
  readonly digest: Uint8Array;
}

/** Bytes that are all in memory can be sent again, a stream cannot. */
export type PartBody =
  | { readonly kind: "memory"; readonly pieces: readonly Uint8Array[] }
  | { readonly kind: "stream"; readonly pieces: AsyncIterable<Uint8Array> };

export interface SignedRequest {
  readonly index: number;
  readonly url: string;
  readonly method: "PUT";
  readonly headers: Readonly<Record<string, string>>;
}

export interface ListedPart {
  readonly size: number;
  /** SHA-256. */
  readonly digest?: Uint8Array;
}

/**
 * Where records live. Reads see every change whose `apply` has resolved.
 *
 * @throws HoldfastError `storage_full` or `storage_failed`: the change did not happen, or (after a crash only) its outcome is read back.
 */
export interface MetadataStore {
  /**
   * Resolves when the change is durable. Changes happen in the order of the calls; those that arrive together may share one commit, and each one still
   * stands or falls alone. The change is copied before the call returns. After an I/O error of a commit every later change rejects with `storage_failed`:
   * only a new start finds out what is stored.
   *
   * Where several servers share the records it gives the upload's version that this change has made, so that who made it need not read it again; undefined where it has made none, or there is nobody to share with.
   */
  apply(change: Change): Promise<number | undefined>;
  /** By its id, or by the key that it was created with. */
  upload(by: UploadId | KeyOwner): Promise<UploadRecord | undefined>;
  /**
   * The committed parts of an upload, as the caller's own copy, with the version of the record that they are of.
   * @throws HoldfastError `upload_not_found`
   */
  parts(id: UploadId): Promise<ReadParts>;
  /** By its id, or by the upload that it was; one that is being deleted too. */
  file(by: FileId | { readonly uploadId: UploadId }): Promise<FileRecord | undefined>;
  /** The available files of a tenant, newest first (`createdAt`, then `id`, both descending). */
  files(query: FilesQuery): Promise<readonly FileRecord[]>;
  /** What waits to be done, oldest first (`at`, then `id`). */
  due(kind: DueKind, query: DueQuery): Promise<readonly Due[]>;
  /** Of everybody, or of one principal. */
  counts(of?: Principal): Promise<Counts>;
  /** Resolves when everything applied is durable and the store is released; every later call is `shutting_down`. May be repeated. */
  close(): Promise<void>;
}

/** `create` begins uploads, `write` goes on with them and ends them, `read` is for files, `delete` removes them, `administer` is for what concerns the whole server. */
export type Action = "create" | "write" | "read" | "delete" | "administer";

/** Who may do what. */
export interface Policy {
  /**
   * Who sends a request, by its Authorization header, with the limits that hold for it now. May be repeated; rights may differ the next time.
   * @throws HoldfastError `unauthorized`; `storage_failed` where the rights cannot be known now: nobody comes in by guess.
   */
  authenticate(authorization: string | undefined): Promise<Principal>;
  /**
   * The principal of a grant that `authenticate` has told, as it is now: for requests that it has signed for. May be repeated.
   * @throws HoldfastError `unauthorized` once the grant has expired or was revoked; `storage_failed`.
   */
  recall(grant: string): Promise<Principal>;
  /**
   * Resolves if the principal may, by the rights of its grant at this moment: they may have ended since the request began. May be repeated.
   * What belongs to another tenant does not exist for it: the engine asks only about what is the principal's tenant's.
   * @throws HoldfastError `forbidden`, with the scope it lacks in `details.scope`; `unauthorized` once the grant has ended; `storage_failed`.
   */
  decide(
    principal: Principal,
    action: Action,
    resource: { readonly tenant: string },
  ): Promise<void>;
}

export interface Clock {
  /** Milliseconds since 1970, for records. May jump. */
  now(): number;
  /** Milliseconds that never go back, for measuring. */
  monotonic(): number;
  /** Calls `task` once after `ms`; the returned function calls it off. */
  after(ms: number, task: () => void): () => void;
}

export interface Random {
  /** Unpredictable bytes. */
  bytes(size: number): Uint8Array;
}

/** Hashing, which the platform does better than we could. */
export interface Digests {
  /** What part digests may be here. */
  readonly algorithms: readonly Algorithm[];
  /** SHA-256 unless told. */
  create(algorithm?: Algorithm): RunningDigest;
  /** SHA-256 of bytes that are all there. */
  sha256(bytes: Uint8Array): Uint8Array;
  /** CRC32C of bytes that follow on those whose value is `before`; 0 before the first. */
  crc32c(bytes: Uint8Array, before: number): number;
  /** Hashing of much at once, beside the event loop. `parts` names the algorithm of digests that `endPart` gives. */
  scan(what: { readonly parts?: Algorithm; readonly hasWhole: boolean }): Scan;
}

/** Bytes hashed in their order, elsewhere. Every method but `close` rejects once that has failed. */
export interface Scan {
  /** Resolves when more may come and the memory may be used again. */
  update(bytes: Uint8Array): Promise<void>;
  /** Resolves with the digest of the bytes since the last call, or the beginning. */
  endPart(): Promise<Uint8Array>;
  /** Resolves with the SHA-256 of all bytes, where it was asked for; else with nothing in it. */
  end(): Promise<Uint8Array>;
  /** Lets go of everything, at any time. */
  close(): void;
}

/** A running digest. */
export interface RunningDigest {
  /** Reads the bytes before it returns. */
  update(bytes: Uint8Array): void;
  /** Over the bytes so far; more may follow. */
  snapshot(): Uint8Array;
  /** Over all bytes; nothing may be asked of it afterwards. */
  digest(): Uint8Array;
}

/** The bytes that a request brings, pulled by the engine. */
export interface Body {
  /** True where the body's size is known beforehand to be that of its parts: its end needs no looking for. */
  readonly isExact: boolean;
  /** Resolves with true when bytes are there, with false at the end of the body, however it came. */
  ready(): Promise<boolean>;
  /** Copies bytes into `into` until it is full or the body has ended; resolves with how many. */
  fill(into: Uint8Array): Promise<number>;
  /** A pending `fill` resolves at once with what it has; the body goes on. */
  interrupt(): void;
  /** Milliseconds, by `Clock.monotonic`, of the last byte that came. */
  lastByteAt(): number;
  /** Stops reading: a pending and every later `ready` or `fill` sees the end. `why` is the error that the request is answered with. */
  stop(why: HoldfastError): void;
  /** Why it was stopped, if it was: by `stop`, or by the connection (`body_stalled`, cut). */
  stopped(): HoldfastError | undefined;
}

/** Everything a log line needs; the adapter decides where it goes. */
export type Log = (
  level: "debug" | "info" | "warn" | "error",
  event: string,
  fields?: Record<string, unknown>,
) => void;
