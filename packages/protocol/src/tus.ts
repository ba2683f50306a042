// tus 1.0.0 on the wire: the header fields of its core protocol and of creation, expiration and deferred length. Their grammar is its own, no structured fields.
import type { HeaderOf } from "./append.ts";
import { HoldfastError } from "./errors.ts";
import { type Concat, decodeConcat } from "./tus-concat.ts";

export const TUS_VERSION = "1.0.0";

/** The media type of a body that is appended. */
const BODY_TYPE = "application/offset+octet-stream";

/** What the head of a `POST` says of the upload to create. */
export interface TusCreation {
  /** In bytes; absent where it is told later. */
  readonly size?: number;
  readonly concat?: Concat;
  /** Whether its body is the beginning of the upload's bytes. */
  readonly hasBytes: boolean;
}

/** What the head of a `PATCH` says. Bytes. */
export interface TusAppend {
  readonly at: number;
  /** The upload's size, where it is told only now. */
  readonly size?: number;
}

/** What every answer about an upload may tell. Bytes. */
export interface TusOffset {
  /** Absent for a final whose partials are still being put together. */
  readonly offset?: number;
  readonly size?: number;
  /** When it ends, unless bytes come before that: a date of HTTP. */
  readonly expires?: string;
}

/** @throws HoldfastError `version_unsupported` where the request is not of the version that is spoken here. */
export function requireTusVersion(header: HeaderOf): void {
  const version = header("tus-resumable");
  if (version === TUS_VERSION) return;
  const said = version === undefined ? "there is no Tus-Resumable" : `not ${version}`;
  throw new HoldfastError("version_unsupported", `tus ${TUS_VERSION} is spoken here: ${said}`, {
    versions: [TUS_VERSION],
  });
}

/** @throws HoldfastError `invalid_request` naming the field. */
export function decodeTusCreation(header: HeaderOf): TusCreation {
  const concat = decodeConcat(header("upload-concat"));
  const size = decodeWhole(header, "upload-length");
  const defer = header("upload-defer-length");
  if (concat?.kind === "final") {
    if (size === undefined && defer === undefined) return { concat, hasBytes: false };
    throw invalid(
      size === undefined ? "upload-defer-length" : "upload-length",
      "must not come with a final: its size is the sum of its partials'",
    );
  }
  if (defer !== undefined && defer !== "1") throw invalid("upload-defer-length", "must be 1");
  if ((size === undefined) === (defer === undefined)) {
    throw invalid("upload-length", "must be there, or Upload-Defer-Length: 1 instead of it");
  }
  return {
    ...(size === undefined ? {} : { size }),
    ...(concat ? { concat } : {}),
    hasBytes: hasBodyType(header),
  };
}

/** @throws HoldfastError `media_type_unsupported`; `invalid_request` naming the field. */
export function decodeTusAppend(header: HeaderOf): TusAppend {
  if (!hasBodyType(header)) {
    const text = `content-type must be ${BODY_TYPE}`;
    throw new HoldfastError("media_type_unsupported", text, { types: [BODY_TYPE] });
  }
  const at = decodeWhole(header, "upload-offset");
  if (at === undefined) throw invalid("upload-offset", "must be there");
  const size = decodeWhole(header, "upload-length");
  return size === undefined ? { at } : { at, size };
}

/** The header fields that tell of an upload. */
export function encodeTusOffset({ offset, size, expires }: TusOffset): Record<string, string> {
  return {
    ...(offset === undefined ? {} : { "upload-offset": String(offset) }),
    ...(size === undefined ? {} : { "upload-length": String(size) }),
    ...(expires === undefined ? {} : { "upload-expires": expires }),
  };
}

function hasBodyType(header: HeaderOf): boolean {
  return header("content-type")?.split(";")[0]?.trim().toLowerCase() === BODY_TYPE;
}

/** A number of bytes, digits and nothing else. @throws HoldfastError `invalid_request` */
function decodeWhole(header: HeaderOf, field: string): number | undefined {
  const text = header(field);
  if (text === undefined) return undefined;
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw invalid(field, "must be a whole number of bytes from 0 to 2^53 - 1");
}

function invalid(field: string, why: string): HoldfastError {
  return new HoldfastError("invalid_request", `${field} ${why}`, { field });
}
