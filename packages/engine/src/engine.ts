// The engine: what an upload is, as a handful of verbs over the ports. No HTTP, no SQL, no file system.

import type {
  ByteRange,
  CompleteRequest,
  CreateRequest,
  FileId,
  FilesRequest,
  Metadata,
  PartDigest,
  PartRange,
  RunDigests,
  StoredFile,
  SweepReport,
  UploadId,
  UploadOffset,
  UploadState,
  UploadView,
} from "@holdfast/protocol";
import type { UploadContent } from "./content.ts";
import type { FilePage } from "./list.ts";
import type {
  Body,
  Clock,
  Digests,
  Log,
  MetadataStore,
  Outlet,
  Policy,
  Random,
  ReadTerms,
  SendStored,
  SignedRequest,
  Storage,
} from "./ports.ts";
import type { PartProof } from "./proof.ts";
import type { ReadHow } from "./read-verified.ts";
import type { FileRecord, Principal, Protocol, Role } from "./records.ts";
import type { SlotPool } from "./slots.ts";
import type { SweepWants } from "./sweep.ts";
import type { UploadDigests } from "./upload-digests.ts";
import type { UploadNews } from "./watch.ts";

export interface EngineParts {
  readonly storage: Storage;
  readonly metadata: MetadataStore;
  readonly policy: Policy;
  readonly clock: Clock;
  readonly random: Random;
  readonly digests: Digests;
  /** Memory that bodies pass through on their way in. */
  readonly slots: SlotPool;
  /** Memory that stored bytes pass through on their way out: a pool of its own, so that slow uploads cannot hold up a download or a recovery. */
  readonly readSlots: SlotPool;
  /** Parts of files are checked before their bytes leave; as they are stored where it is absent. */
  readonly reads?: "verified" | undefined;
  /** Where the storage can: past this process to a connection. */
  readonly send?: SendStored;
  /** The low-water mark: with less room than this, in bytes, nothing new is begun. */
  readonly keepFree: number;
  /** This server's name among those that share the records, another one at each start. Absent where no other server writes them: then nothing is done for the sake of others. */
  readonly host?: string;
  /** The names that earlier lives of this server had, all of which are over: what one of them has claimed is free. */
  readonly lives?: readonly string[];
  readonly log: Log;
}

/** A request to store consecutive parts. */
export interface PutRun {
  /** As it stands in the path; a malformed one is `upload_not_found`. */
  readonly id: string;
  readonly run: PartRange;
  /** For each algorithm that was sent, one for each part of the run: those of the upload's own count. */
  readonly digests: RunDigests;
  /** CRC32C over the whole body, where one was sent. */
  readonly crc32c?: number;
  readonly body: Body;
  /** Bytes the body says it has, where it says so. */
  readonly bodySize?: number;
  /** The upload's epoch that the request was signed for, where it was: any other is `signature_refused`. */
  readonly epoch?: number;
  /** What the whole has, where the sender says so: fixes the size of an upload that has none yet. */
  readonly size?: number;
  /** Names the running transfer that sends this: it may take over from itself at once. */
  readonly transfer?: string;
}

/** A part that a signed request may bring: exactly these bytes and nothing else. */
export interface SignedPart {
  /** The upload's; one that came in an address may be malformed. */
  readonly id: string;
  readonly index: number;
  /** In bytes. */
  readonly size: number;
  readonly digest: Uint8Array;
  /** The upload's epoch when it was signed: once that is raised, the request is worth nothing. */
  readonly epoch: number;
}

/** Requests that bring parts. */
export interface Presigned {
  /** Through this server: to be signed by whoever speaks for it. */
  readonly server: readonly SignedPart[];
  /** Past it: signed by the storage. */
  readonly storage: readonly SignedRequest[];
}

/** The upload after all of the parts that were asked for. */
export interface PartsConfirmed {
  /** Number of committed parts of the upload. */
  readonly committed: number;
  /** Contiguous committed bytes from 0. */
  readonly offset: number;
}

export interface RunCommitted {
  /** The parts of the request, all of them committed now. */
  readonly run: PartRange;
  /** Number of committed parts of the upload. */
  readonly committed: number;
  /** Contiguous committed bytes from 0. */
  readonly offset: number;
}

/** What depends on the storage. */
export interface Abilities {
  /** The largest upload, in bytes. */
  readonly sizeMax: number;
}

export interface Health {
  /** Uploads that have not ended. */
  readonly open: number;
  readonly files: number;
  /** Files of which stored bytes are bad, 1,000 at most. */
  readonly damaged: number;
  /** Bytes that may still be stored, and whether that is below the low-water mark. */
  readonly room: number;
  readonly isLow: boolean;
}

/** A request to append bytes at the upload's offset. */
export interface Append {
  readonly id: string;
  /** The offset, as its sender knows it. `start`: the body has everything from the first byte on, and what is committed already is compared with it. */
  readonly at: number | "start";
  /** Whether the upload ends with this body. */
  readonly isLast: boolean;
  /** What the whole has, where the sender says so: fixes the size of an upload that has none yet. */
  readonly size?: number;
  readonly body: Body;
  readonly bodySize?: number;
  /** SHA-256 of the whole body: then it is committed as a whole or not at all. */
  readonly digest?: Uint8Array;
  /** Looks at the whole body in a way of the front-end's own: then, too, it is committed as a whole or not at all. */
  readonly check?: BodyCheck;
  /** `at-size`: the upload ends with its last byte, whoever brings it and in whatever request. Otherwise only `isLast` ends it. */
  readonly completes?: "at-size";
  /** SHA-256 of the whole body, which is looked at before the upload ends with it; what came stays in any case. */
  readonly sha256?: Uint8Array;
  readonly transfer?: string;
  /** Hears the offset after each commit, in bytes: it is a promise by then. */
  readonly onCommitted?: (offset: number) => void;
}

/** Sees all bytes of a body in their order. */
export interface BodyCheck {
  update(bytes: Uint8Array): void;
  /** Once the body has come to its end. @throws HoldfastError `digest_mismatch`, `invalid_digest` */
  requireRight(): void;
}

/** What a front-end knows of an upload before its first byte. */
export interface Beginning {
  readonly protocol?: Protocol;
  /** A final is begun by `concatenate`. */
  readonly role?: Extract<Role, { readonly kind: "partial" }>;
  /** Is told with the offset, and to nobody else. */
  readonly note?: string;
}

/** An upload to be put together of others. */
export interface Concatenation extends Omit<Beginning, "role"> {
  readonly request: Omit<CreateRequest, "size" | "maxSize">;
  /** As they came in addresses, in the order of their bytes; one may stand there more than once. */
  readonly partials: readonly string[];
}

/** An offset as a promise, and what front-ends that go by it ask besides. */
export interface ToldOffset extends UploadOffset {
  readonly id: UploadId;
  readonly state: UploadState;
  readonly role?: Role["kind"];
  readonly note?: string;
  readonly fileId?: FileId;
}

/** A request to store a whole file. */
export interface StoreFile {
  readonly name: string;
  readonly type: string;
  /** None where absent. */
  readonly metadata?: Metadata;
  readonly body: Body;
  readonly bodySize?: number;
  /** SHA-256 of the whole. */
  readonly digest?: Uint8Array;
  /** The same request under the same key has the same file. */
  readonly key?: string;
  readonly transfer?: string;
}

/**
 * Every verb asks the policy first, and may be repeated: the same request twice has the same result once.
 * Errors are HoldfastErrors with a code of the wire's table.
 */
export interface Engine {
  readonly abilities: Abilities;
  /**
   * Resolves when the upload is recorded durably. An empty one is complete at once.
   * The same request under the same `key` is the same upload, as long as that is known; another request under it is `idempotency_conflict`.
   */
  create(
    principal: Principal,
    request: CreateRequest,
    key?: string,
    beginning?: Beginning,
  ): Promise<UploadView>;
  /**
   * Resolves when the upload is recorded durably, with the file if that was quick. It is put together of its partials beside whoever asked, once, and across restarts;
   * they stay as they are.
   * @throws HoldfastError `upload_not_found`, `upload_ended`, `invalid_request` where one of them is no partial that has its last byte
   */
  concatenate(principal: Principal, wants: Concatenation): Promise<UploadView>;
  /** Resolves when every part of the run is written, flushed and recorded. Where it rejects, the whole parts before the fault are committed all the same. */
  putRun(principal: Principal, command: PutRun): Promise<RunCommitted>;
  /**
   * Requests for these parts that live for `lifeMs` milliseconds, or what they are bound to. They lead to `us` where there is more to look at than a storage would.
   * @throws HoldfastError `part_conflict` where one is committed with another digest, or bound to it.
   */
  presign(
    principal: Principal,
    id: string,
    parts: readonly PartDigest[],
    lifeMs: number,
    to?: "anywhere" | "us",
  ): Promise<Presigned>;
  /** Resolves when nothing that was signed for the upload before counts any more. */
  revoke(principal: Principal, id: string): Promise<void>;
  /** Resolves only where all of these parts are committed with these digests. @throws HoldfastError `parts_missing` with those that are not, `part_conflict` */
  confirm(principal: Principal, id: string, parts: readonly PartDigest[]): Promise<PartsConfirmed>;
  /**
   * Resolves when all bytes of the body are written, flushed and recorded, and after the last ones when the file is visible. Where it rejects, the bytes
   * before the fault are committed all the same, unless the body came with its digest.
   */
  append(principal: Principal, command: Append): Promise<ToldOffset>;
  /**
   * Ends an append in flight, and tells how far the upload is once that has settled. No offset that is told is ever taken back while the upload lives.
   * `at-size`: one that has its last byte, and came by a protocol in which that is all there is to say, is completed before it is told.
   */
  offset(principal: Principal, id: string, completes?: "at-size"): Promise<ToldOffset>;
  /** The most that an upload may have, in bytes; one that does not tell its size may end earlier, and says so. */
  sizeMax(principal: Principal): number;
  /** The file that an upload has become, for who may write it. @throws HoldfastError `file_not_found` where it has not, or the file is gone */
  finished(principal: Principal, id: string): Promise<StoredFile>;
  /** Resolves when the file is visible and all of it is durable. Where it rejects there is none, and what came is kept only under a key. */
  storeFile(principal: Principal, command: StoreFile): Promise<StoredFile>;
  status(principal: Principal, id: string): Promise<UploadView>;
  /** The status, and the digests of the parts piece by piece, for whoever may take long to read them. */
  digests(principal: Principal, id: string): Promise<UploadDigests>;
  /** The present, then what changes; undefined after a while without news. Ends with an end state, a shutdown, or at once when whoever listens is `gone`. */
  watch(
    principal: Principal,
    id: string,
    gone: AbortSignal,
  ): AsyncGenerator<UploadNews | undefined, void, void>;
  /**
   * What can be read of an upload that is no file yet, or of what it has become, for whoever may read.
   * @throws HoldfastError `upload_not_found`, `upload_ended`, `recovering`; `upload_unreadable` where its storage has nothing that could be read before
   */
  content(principal: Principal, id: string): Promise<UploadContent>;
  /** Its bytes, each piece as soon as it is committed, up to the end of the range or the file, but for those that an outlet took past the pieces. Each piece is valid until the next one is asked for. Ends at once when whoever reads is `gone`. */
  readContent(
    content: UploadContent,
    range: ByteRange,
    gone: AbortSignal,
    outlet?: Outlet,
  ): AsyncGenerator<Uint8Array, void, void>;
  /** Resolves when the file is visible. */
  complete(principal: Principal, id: string, request: CompleteRequest): Promise<UploadView>;
  /** Resolves when the upload has ended and its bytes are gone. */
  abort(principal: Principal, id: string): Promise<void>;
  file(principal: Principal, id: string): Promise<FileRecord>;
  /** A file that everybody may read. @throws HoldfastError `file_not_found` for any other */
  publicFile(id: string): Promise<FileRecord>;
  /** Resolves when everybody may read the file, or nobody but by rights. Wants the rights to read and to write. @throws HoldfastError `file_not_found` */
  setPublic(principal: Principal, id: string, who: "everybody" | "nobody"): Promise<FileRecord>;
  /** Resolves when a link counts no more, the others do. `until` is when the youngest that there is ends by itself. @throws HoldfastError `quota_exceeded` */
  revokeFileLink(principal: Principal, id: string, link: string, until: number): Promise<void>;
  /** The same for a link to the content of an upload. */
  revokeContentLink(principal: Principal, id: string, link: string, until: number): Promise<void>;
  /** The files of the principal's tenant, newest first. */
  files(principal: Principal, request: FilesRequest): Promise<FilePage>;
  /** Resolves when the file can be found no more; its bytes are gone, or go with the next sweep. @throws HoldfastError `file_not_found` */
  deleteFile(principal: Principal, id: string): Promise<void>;
  /**
   * The bytes of a file from first to last. Each piece is valid until the next one is asked for.
   * Where it is verified, by the server's own rule or because it was asked for, and of what was found damaged before, it throws `part_damaged` with `details.file` and `details.index` instead of the first byte of a part that is bad.
   */
  read(
    file: FileRecord,
    range: ByteRange,
    how?: ReadHow,
    outlet?: Outlet,
  ): AsyncGenerator<Uint8Array, void, void>;
  /** An address of the storage's own from which the file can be read; undefined where it has none, or reads are verified. */
  addressOf(file: FileRecord, terms: ReadTerms): Promise<string | undefined>;
  /** Whether as many bytes are stored as the file has: for who lets them be sent by somebody that takes the size from the disk. Reads two of them. */
  isAllThere(file: FileRecord): Promise<boolean>;
  /** The same beforehand, for the part in which a range begins. */
  checkRead(file: FileRecord, range: ByteRange, how?: ReadHow): Promise<void>;
  /** The manifest as it is stored, checked against its digest, from first byte to last. Each piece is valid until the next one is asked for. */
  manifest(file: FileRecord): Promise<AsyncGenerator<Uint8Array, void, void>>;
  /** Proves that part `index`, one of the file's, belongs to it. */
  proof(file: FileRecord, index: number): Promise<PartProof>;
  health(): Promise<Health>;
  /**
   * At start-up, before the first request: drives on what a crash interrupted. Later on, what another server has left: what one that is alive is at stays its own.
   * Of that `onHeld` hears in how many milliseconds it is free if nobody renews the claim, also after this has resolved.
   */
  recover(onHeld?: (leftMs: number) => void): Promise<void>;
  /** Removes what has ended, or tells what would go. For the server itself, and for who may `administer`. */
  sweep(by: Principal | "server", wants: SweepWants): Promise<SweepReport>;
  /** No new work from now on (`shutting_down`). Resolves when all that was in flight is committed or refused; bodies that still come after `graceMs` are stopped and what came of them is committed. */
  drain(graceMs: number): Promise<void>;
}
