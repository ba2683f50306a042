// What a name, a type and user metadata may be: the one rule for every wire and every store. Names are data: no path is ever built from one.
// Names and types go into headers, logs and terminals, so they have no controls. Metadata may have any: it stands in JSON wherever it is kept or sent.
import { HoldfastError } from "./errors.ts";

/** A name's size as UTF-8, in bytes. */
export const NAME_BYTES_MAX = 255;
/** All metadata keys and values together as UTF-8, in bytes. */
export const METADATA_BYTES_MAX: number = 16 * 1024;
export const METADATA_ENTRIES_MAX = 64;
const TYPE_BYTES_MAX = 255;

// No name of 255 bytes has more code units than this in any form; longer ones are refused before `normalize`, which takes quadratic time on marks.
const NAME_UNITS_MAX = 4 * NAME_BYTES_MAX;

const UTF8 = new TextEncoder();
// Type and subtype as RFC 6838 section 4.2 names them, parameters as in RFC 9110 section 5.6.6 (without escapes in quotes).
const MEDIA_TYPE =
  /^[A-Za-z0-9!#$&^_.+-]+\/[A-Za-z0-9!#$&^_.+-]+(?:[ \t]*;[ \t]*[A-Za-z0-9!#$%&'*+.^_`|~-]+=(?:[A-Za-z0-9!#$%&'*+.^_`|~-]+|"[\x20\x21\x23-\x5b\x5d-\x7e]*"))*$/;
// Controls, what ends a line without being one, both path separators, and what makes text read in another order than it is stored. Marks that only say which way
// a text runs (U+200E, U+200F, U+061C) stand in names of languages that need them (ADR 0016).
const UNSAFE_IN_NAME = /[\p{Cc}\u2028\u2029/\\\u202a-\u202e\u2066-\u2069]/gu;

function invalid(field: string, why: string): HoldfastError {
  return new HoldfastError("invalid_request", `${field} ${why}`, { field });
}

function utf8Size(text: string): number {
  return UTF8.encode(text).length;
}

/** True where the text has no half of a surrogate pair, so that it has a UTF-8 form. */
export function isWellFormed(text: string): boolean {
  return !/[\ud800-\udfff]/u.test(text);
}

/**
 * A file's name in Unicode NFC.
 *
 * @throws HoldfastError `invalid_request` for a name that is empty, `.` or `..`, longer than 255 bytes, or has separators, controls or lone surrogates.
 */
export function checkName(name: unknown): string {
  if (typeof name !== "string" || name === "")
    throw invalid("name", "must be a text that is not empty");
  if (name.length > NAME_UNITS_MAX)
    throw invalid("name", `must have at most ${NAME_BYTES_MAX} bytes as UTF-8`);
  if (!isWellFormed(name)) throw invalid("name", "has half of a surrogate pair");
  const normal = name.normalize("NFC");
  if (normal.search(UNSAFE_IN_NAME) >= 0)
    throw invalid("name", "must have no path separator, line break, control or direction override");
  if (normal === "." || normal === "..") throw invalid("name", "must not be . or ..");
  if (utf8Size(normal) > NAME_BYTES_MAX)
    throw invalid("name", `must have at most ${NAME_BYTES_MAX} bytes as UTF-8`);
  return normal;
}

/** The text with `_` for everything that no name may have. Its size, and what it is as a whole, are looked at elsewhere. */
export function cleanName(text: string): string {
  return text.normalize("NFC").replace(UNSAFE_IN_NAME, "_");
}

/** A media type, `application/octet-stream` where there is none. */
export function checkType(type: unknown): string {
  if (type === undefined) return "application/octet-stream";
  if (typeof type !== "string" || type.length > TYPE_BYTES_MAX || !MEDIA_TYPE.test(type)) {
    throw invalid("type", "must be a media type such as video/mp4");
  }
  return type;
}

/** User metadata, kept and returned as it came. A map, because any text may be a key: `__proto__` too. */
export type Metadata = ReadonlyMap<string, string>;

/** @throws HoldfastError `invalid_request` where it is not an object of texts, or too much. */
export function checkMetadata(metadata: unknown): Metadata {
  if (metadata === undefined) return new Map();
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata))
    throw invalid("metadata", "must be an object of texts");
  const entries = new Map<string, string>();
  let bytes = 0;
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== "string") throw invalid("metadata", "must have texts as values");
    if (!isWellFormed(key) || !isWellFormed(value))
      throw invalid("metadata", "has half of a surrogate pair");
    bytes += utf8Size(key) + utf8Size(value);
    entries.set(key, value);
  }
  if (entries.size > METADATA_ENTRIES_MAX || bytes > METADATA_BYTES_MAX) {
    throw invalid(
      "metadata",
      `must have at most ${METADATA_ENTRIES_MAX} entries and ${METADATA_BYTES_MAX} bytes`,
    );
  }
  return entries;
}
