// What the S3 storage asks of a store: one request each. The order of requests, and what to do when one fails, stands above this.

/**
 * Every call is sent once: whether to ask again is for whoever knows what a repetition means. Each rejects with an `S3Refusal` where the store said no,
 * and with an `S3Unanswered` where nobody knows what has happened.
 */
export interface S3Calls {
  readonly multipart: MultipartCalls;
  readonly objects: ObjectCalls;
  readonly bucket: BucketCalls;
  /** Lets go of every connection. */
  close(): void;
}

export interface MultipartCalls {
  /** Resolves with the store's id of a new multipart upload. */
  create(key: string, headers: ObjectHeaders): Promise<string>;
  /** Resolves when the store has the part, whose SHA-256 it was told, durably. */
  put(part: PartCall, signal?: AbortSignal): Promise<void>;
  /** Resolves when the store has made a part of an object of its own; whether it lists a digest of it is its business. */
  copy(part: CopyCall): Promise<void>;
  /** Resolves when the object is there. An answer of 200 with an error inside rejects like any other. */
  complete(upload: MultipartId, parts: readonly CompletedPart[]): Promise<void>;
  /** Resolves when the store has been told; a part on its way may still land: list again. */
  abort(upload: MultipartId): Promise<void>;
  /** Parts with a higher number than `after`, in order, as many as the store gives at once, or `most` where those are fewer; `next` where there are more. */
  parts(upload: MultipartId, after?: number, most?: number): Promise<Page<ListedPart, number>>;
  /** Multipart uploads that are not ended, under a prefix. */
  list(prefix: string, after?: UploadMarker): Promise<Page<ListedUpload, UploadMarker>>;
  /** A request for one part that whoever has it may send, once or often, until it expires; bound to size and SHA-256. */
  sign(part: SignCall): Promise<SignedCall>;
}

export interface ObjectCalls {
  put(key: string, body: Uint8Array, headers: ObjectHeaders): Promise<void>;
  /** As `put`, of bytes whose SHA-256 the store was told, and which need not be in memory. */
  putDigested(object: ObjectCall, signal?: AbortSignal): Promise<void>;
  /** Only where there is no object: else rejects with `PreconditionFailed`, at stores that look. */
  create(key: string, body: Uint8Array, headers: ObjectHeaders): Promise<void>;
  /**
   * Resolves with bytes from `start` to before `end` as they come, fewer at the end of the object, once the first are on their way; rejects like a call where
   * they break off. Undefined where there is no object, or none of these bytes. With `etag`, rejects where the object is another one by now.
   */
  get(key: string, start: number, end: number, etag?: string): Promise<FoundBytes | undefined>;
  /** An address that anybody may read the object from until it expires, with these headers on the answer. */
  sign(key: string, terms: ReadSignCall): Promise<string>;
  /** Undefined where there is no object. */
  head(key: string): Promise<ObjectFacts | undefined>;
  /** Nothing there is fine. */
  delete(key: string): Promise<void>;
  /** The same of a thousand at most, with one request; rejects where the store cannot, or one of them is left. */
  deleteMany(keys: readonly string[]): Promise<void>;
  list(prefix: string, after?: string): Promise<ObjectPage>;
}

export interface BucketCalls {
  /** Resolves if the bucket is there and the credentials may use it. */
  check(): Promise<void>;
  /** Makes the bucket. */
  create(): Promise<void>;
  /** The CORS rules; undefined where there are none. */
  cors(): Promise<readonly CorsRule[] | undefined>;
  /** Replaces all of them. */
  setCors(rules: readonly CorsRule[]): Promise<void>;
  /** Days after which the store ends multipart uploads under a prefix by itself; undefined where no rule does. */
  stageDays(prefix: string): Promise<number | undefined>;
  /** Adds the rule that ends them, or changes the one that was added for this prefix before; all other rules stay as they are. */
  setStageDays(prefix: string, days: number): Promise<void>;
}

export interface MultipartId {
  readonly key: string;
  readonly uploadId: string;
}

/** What an object carries besides its bytes. */
export interface ObjectHeaders {
  readonly type: string;
  /** `x-amz-meta-` fields: names in lower case, values in ASCII. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly storageClass?: string;
  /** `AES256`, or `aws:kms` with a key. */
  readonly encryption?: { readonly algorithm: string; readonly keyId?: string };
  /** As in a query: `a=b&c=d`. */
  readonly tags?: string;
}

export interface PartCall extends MultipartId {
  /** From 1. */
  readonly number: number;
  /** Of the whole body, in bytes. */
  readonly size: number;
  readonly sha256: Uint8Array;
  readonly body: CallBody;
}

/** What is in memory, as one or several pieces; or what comes as fast as somebody sends it, who may be slow, and keeps nobody else from the store. */
export type CallBody = Uint8Array | readonly Uint8Array[] | AsyncIterable<Uint8Array>;

export interface CopyCall extends MultipartId {
  /** From 1. */
  readonly number: number;
  /** The key of the object, in the same bucket. */
  readonly from: string;
}

export interface ObjectCall extends Pick<PartCall, "key" | "size" | "sha256" | "body"> {
  readonly headers: ObjectHeaders;
}

export interface SignCall extends MultipartId {
  readonly number: number;
  readonly size: number;
  readonly sha256: Uint8Array;
  /** Seconds from now. */
  readonly expiresIn: number;
}

export interface ReadSignCall {
  /** Seconds from now. */
  readonly expiresIn: number;
  readonly type: string;
  readonly disposition: string;
}

export interface SignedCall {
  readonly url: string;
  readonly method: "PUT";
  /** To be sent as they are. What a browser sets by itself is not among them. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface ListedPart {
  readonly number: number;
  readonly size: number;
  /** Opaque. */
  readonly etag: string;
  /** Where the store lists it. */
  readonly sha256?: Uint8Array;
}

/** A part as it is named at the end. */
export interface CompletedPart {
  readonly number: number;
  readonly etag: string;
  /** Stores that check digests want them once more, and not all of them list them. */
  readonly sha256: Uint8Array;
}

export interface ListedUpload extends MultipartId {
  /** Milliseconds since 1970, by the store's clock. */
  readonly startedAt: number;
}

export interface UploadMarker {
  readonly key: string;
  readonly uploadId: string;
}

export interface ListedObject {
  readonly key: string;
  readonly size: number;
  /** Milliseconds since 1970, by the store's clock. */
  readonly modifiedAt: number;
}

export interface ObjectFacts {
  readonly size: number;
  readonly etag: string;
  /** Of an object that was made of parts, where the store tells it: SHA-256 over theirs, one after another. */
  readonly partsDigest?: { readonly sha256: Uint8Array; readonly count: number };
  readonly metadata: Readonly<Record<string, string>>;
}

/** What is read of an object, and of which. */
export interface FoundBytes {
  readonly etag: string;
  readonly pieces: AsyncIterable<Uint8Array>;
}

export interface CorsRule {
  /** Where the store keeps names of rules. */
  readonly id?: string;
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  readonly headers: readonly string[];
  readonly exposed: readonly string[];
  readonly maxAgeSeconds?: number;
}

export interface Page<T, M> {
  readonly items: readonly T[];
  /** Where to go on. */
  readonly next?: M;
}

export interface ObjectPage extends Page<ListedObject, string> {
  /** When the store answered, by its clock: milliseconds since 1970, 0 where it does not say. */
  readonly answeredAt: number;
}

/** What a call rejects with. `storage_failed` once it leaves the storage; `details` have what the store said, never a credential. */
export type S3Fault =
  | {
      readonly kind: "refused";
      readonly status: number;
      /** The store's own: `NoSuchUpload`, `SlowDown`, ... */
      readonly code: string;
      readonly message: string;
      /** Milliseconds, where it said when to come again. */
      readonly retryAfterMs?: number;
    }
  /** Nothing went out: no credentials could be had, or it is not known where to. */
  | { readonly kind: "unsent"; readonly message: string }
  | { readonly kind: "unanswered"; readonly message: string };

/** A failed call, as an error that can be thrown. */
export class S3Error extends Error {
  readonly fault: S3Fault;

  constructor(fault: S3Fault, cause?: unknown) {
    super(fault.kind === "refused" ? `${fault.code}: ${fault.message}` : fault.message, { cause });
    this.name = "S3Error";
    this.fault = fault;
  }
}

/** Whether the store has said no, with one of these codes where any are named. */
export function isRefusal(error: unknown, ...codes: readonly string[]): boolean {
  if (!(error instanceof S3Error) || error.fault.kind !== "refused") return false;
  return codes.length === 0 || codes.includes(error.fault.code);
}
