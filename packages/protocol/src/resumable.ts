// What differs between versions of the IETF's Resumable Uploads for HTTP: each has a file here that says it, nothing else knows.
import type { AppendHead, HeaderOf, UploadOffset } from "./append.ts";
import type { HoldfastError } from "./errors.ts";

/** How a request begins an upload. Bytes. */
export interface BeginHead {
  /** Whether the body is all of it. */
  readonly isLast: boolean;
  /** What the whole will have, where the request says so. */
  readonly size?: number;
}

export type FieldValues = Readonly<Record<string, string>>;

/** What a client may count on before it sends anything. Bytes. */
export interface UploadLimits {
  /** The most that the upload may have. */
  readonly maxSize: number;
  /** How long it will live from now on, in milliseconds. */
  readonly lifeMs: number;
}

/** What of a problem document is the protocol's to say. */
export interface Refusal {
  readonly status?: number;
  readonly fields: FieldValues;
  readonly members: Readonly<Record<string, unknown>>;
}

/** One version of the protocol. `now` in milliseconds since 1970; `url` is that of the upload. */
export interface ResumableCodec {
  /** Undefined where the request begins no upload. @throws HoldfastError `size_mismatch` */
  decodeBegin(header: HeaderOf, bodySize: number | undefined): BeginHead | undefined;
  /** Whether the request begins an upload, whatever else is wrong with it. */
  decodesBegin(header: HeaderOf): boolean;
  /** The offset that a request names, if it names one. */
  providedOffset(header: HeaderOf): number | undefined;
  /** @throws HoldfastError `media_type_unsupported`; `invalid_request` naming the field; `size_mismatch` */
  decodeAppend(header: HeaderOf, bodySize: number | undefined): AppendHead;
  /** For requests that bring nothing. @throws HoldfastError `invalid_request` naming a field that only those with bytes may have. */
  requireBare(header: HeaderOf): void;

  /** What tells beforehand, and with the upload's address at its beginning, what it may become. */
  limitFields(limits: UploadLimits): FieldValues;
  /** Of an interim response that tells an offset; undefined where the version has none. */
  progressFields(offset: number): FieldValues | undefined;
  /** What `HEAD` tells. */
  offsetFields(view: UploadOffset, now: number): FieldValues;
  /** Begun, and more is to come. */
  begunFields(url: string, view: UploadOffset, now: number): FieldValues;
  /** Bytes were appended, and more is to come. */
  readonly appendedStatus: number;
  /** Whether more bytes than there can be end the upload, and not only the request. */
  readonly isEndedByExcess: boolean;
  /** Beside the file's own description: all of it is there. */
  completeFields(url: string, view: Pick<UploadOffset, "offset" | "fileUrl">): FieldValues;
  /** `provided` is the offset that the request has named. */
  refusalOf(error: HoldfastError, provided: number | undefined): Refusal;
}
