// Every change that can happen to the records that a metadata store keeps.
import type { FileId, UploadId } from "@holdfast/protocol";
import type { FileNote, Revocation } from "./notes.ts";
import type {
  CommittedPart,
  FileRecord,
  Limits,
  OutboxEntry,
  Place,
  Tail,
  TailDigest,
  UploadRecord,
} from "./records.ts";

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
  /**
   * Something comes to stand beside an available file, or goes; the same again changes nothing.
   * @throws HoldfastError `file_not_found`
   */
  | { readonly kind: "note"; readonly id: FileId; readonly note: FileNote }
  /**
   * The bytes of an available file are at another place from now on, `instead` of the one that it has, and all of them are right: its note of damage goes. The same
   * again changes nothing; nor does one of a file whose bytes are at neither of the two: its record says where they are; nor one of a file without such a note: what is made for it the sweep may have removed.
   * @throws HoldfastError `file_not_found`
   */
  | {
      readonly kind: "relocate";
      readonly id: FileId;
      readonly place: Place;
      readonly instead: Place;
    }
  /** A link to the content of an upload counts no more, in any state; the same again changes nothing. */
  | ({ readonly kind: "revoke-link"; readonly id: UploadId } & Revocation)
  /** The bytes of a hidden file are gone from the storage: its record goes too. */
  | { readonly kind: "erased"; readonly id: FileId };
