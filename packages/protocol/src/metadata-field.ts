// Holdfast-Metadata: user metadata of a request whose body is the file itself.
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { HoldfastError } from "./errors.ts";
import { checkMetadata, type Metadata } from "./text.ts";

const FIELD = /^:([A-Za-z0-9+/]*={0,2}):$/;

/** A byte sequence (RFC 9651): the JSON object of create, as UTF-8. So any text may be a key or a value, and none of it is read by what lies on the way. */
export function encodeMetadataField(metadata: Metadata): string {
  const json = JSON.stringify(Object.fromEntries(metadata));
  return `:${encodeBase64(new TextEncoder().encode(json))}:`;
}

/**
 * The limits are those of create. Unlike a field of the structured kind, one that is malformed is not passed over: a file that lost its metadata would look like one that never had any.
 * @throws HoldfastError `invalid_request` naming `holdfast-metadata`, or `metadata` for what create refuses too.
 */
export function decodeMetadataField(field: string | undefined): Metadata {
  if (field === undefined) return new Map();
  const bytes = decodeBase64(FIELD.exec(field)?.[1] ?? "-");
  const value = bytes && parsed(bytes);
  if (value !== undefined) return checkMetadata(value);
  const why = "holdfast-metadata must be a JSON object of texts in base64 between colons";
  throw new HoldfastError("invalid_request", why, { field: "holdfast-metadata" });
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
