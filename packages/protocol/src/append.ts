// The sequential mode on the wire: header fields of the IETF's Resumable Uploads for HTTP, in their simplest form (structured fields, RFC 9651).
import { decodeBoolean, decodeInteger, encodeBoolean } from "./structured-item.ts";

/** The media type of an append's body. */
export const APPEND_TYPE = "application/partial-upload";

/** An upload lives this long after its last commit, in milliseconds. */
export const UPLOAD_LIFE_MS: number = 24 * 60 * 60 * 1000;

/** What the head of a `PATCH` says. Bytes. */
export interface AppendHead {
  /** Where the body begins: the upload's offset, as the sender knows it. */
  readonly at: number;
  /** Whether the upload's content ends with this body. */
  readonly isLast: boolean;
  /** What the whole will have, where the sender says so. */
  readonly size?: number;
}

/** What `HEAD` tells of an upload. Bytes; times in milliseconds since 1970. */
export interface UploadOffset {
  /** Contiguous committed bytes from 0. */
  readonly offset: number;
  readonly isComplete: boolean;
  /** Absent until it is fixed. */
  readonly size?: number;
  /** The most that the upload may have. */
  readonly maxSize: number;
  readonly expiresAt: number;
  /** Path of the file, once the upload is complete. */
  readonly fileUrl?: string;
}

export type HeaderOf = (name: string) => string | undefined;

/** The size that `Upload-Length` fixes. One that is malformed says nothing: structured fields are ignored whole where their type is wrong. */
export function decodeUploadLength(header: HeaderOf): { readonly size?: number } {
  const size = decodeInteger(header("upload-length"));
  return size === undefined ? {} : { size };
}

/** The header fields that tell an offset. `now` in milliseconds since 1970. */
export function encodeUploadOffset(view: UploadOffset, now: number): Record<string, string> {
  const { offset, isComplete, size, maxSize, expiresAt, fileUrl } = view;
  const maxAge = Math.max(0, Math.floor((expiresAt - now) / 1000));
  return {
    "upload-offset": String(offset),
    "upload-complete": encodeBoolean(isComplete),
    ...(size === undefined ? {} : { "upload-length": String(size) }),
    "upload-limit": isComplete ? "min-size=0" : `max-size=${maxSize}, max-age=${maxAge}`,
    ...(fileUrl === undefined ? {} : { "content-location": fileUrl }),
  };
}

/** What a client reads from an answer that tells an offset; undefined where it tells none. */
export function decodeUploadOffset(
  header: HeaderOf,
): { readonly offset: number; readonly isComplete: boolean; readonly size?: number } | undefined {
  const offset = decodeInteger(header("upload-offset"));
  if (offset === undefined) return undefined;
  const isComplete = decodeBoolean(header("upload-complete")) ?? false;
  return { offset, isComplete, ...decodeUploadLength(header) };
}
