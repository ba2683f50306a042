// Upload-Metadata of tus 1.0.0: what a client says of a file, and what of it becomes the file's name, type and metadata.
import { decodeBase64Loosely } from "./base64.ts";
import { HoldfastError } from "./errors.ts";
import {
  checkMetadata,
  checkName,
  checkType,
  cleanName,
  METADATA_ENTRIES_MAX,
  type Metadata,
  NAME_BYTES_MAX,
} from "./text.ts";

/** What a file is called, is, and what else is said of it. */
export interface Described {
  readonly name: string;
  readonly type: string;
  /** Every pair whose value is text; the others cannot stand in JSON, and only the field itself has them. */
  readonly metadata: Metadata;
}

/** A file of which nobody has said what it is called. */
const NAMELESS = "unnamed";

/**
 * What the field says. Clients agree on no keys: `filename` and `filetype` are customary, `name` and `type` are Uppy's.
 *
 * A name that cannot be one is made into one, since whoever uses a standard client cannot change what it sends; a field that breaks the grammar is refused.
 * @throws HoldfastError `invalid_request` naming `upload-metadata`, or `metadata` for too much of it.
 */
export function decodeTusMetadata(field: string | undefined): Described {
  const texts = new Map<string, string>();
  for (const [key, bytes] of pairsOf(field ?? "")) {
    const text = textOf(bytes);
    if (text !== undefined) texts.set(key, text);
  }
  const first = (...keys: readonly string[]) =>
    keys.map((key) => texts.get(key)).find((text) => text !== undefined && text !== "");
  return {
    name: toName(first("filename", "name") ?? NAMELESS),
    type: toType(first("filetype", "type")),
    // By its entries: a key may be `__proto__`.
    metadata: checkMetadata(Object.fromEntries(texts)),
  };
}

function pairsOf(field: string): ReadonlyMap<string, Uint8Array> {
  const pairs = new Map<string, Uint8Array>();
  if (field.trim() === "") return pairs;
  for (const pair of field.split(",")) {
    const [, key = "", base64 = ""] = /^ *([!-+\--~]+)(?: ([A-Za-z0-9+/=]*))? *$/.exec(pair) ?? [];
    const bytes = decodeBase64Loosely(base64);
    if (key === "" || !bytes) throw invalid("must be keys with values in Base64");
    if (pairs.has(key)) throw invalid("has a key twice");
    pairs.set(key, bytes);
    if (pairs.size > METADATA_ENTRIES_MAX) {
      throw invalid(`must have at most ${METADATA_ENTRIES_MAX} keys`);
    }
  }
  return pairs;
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The last part of a path, without what no name may have, no longer than a name may be. */
function toName(text: string): string {
  const last = text.slice(0, NAME_TEXT_MAX).split(/[/\\]/).at(-1) ?? "";
  const name = shorten(cleanName(last));
  return name === "" || name === "." || name === ".." ? NAMELESS : checkName(name);
}

const NAME_TEXT_MAX = 4096;

function shorten(name: string): string {
  const utf8 = new TextEncoder();
  if (utf8.encode(name).length <= NAME_BYTES_MAX) return name;
  // The ending tells what it is; the middle is what is missed least.
  const ending = /\.[^.]{1,16}$/.exec(name)?.[0] ?? "";
  const room = NAME_BYTES_MAX - utf8.encode(ending).length;
  let size = 0;
  let kept = "";
  for (const letter of name.slice(0, name.length - ending.length)) {
    size += utf8.encode(letter).length;
    if (size > room) break;
    kept += letter;
  }
  return kept + ending;
}

function toType(text: string | undefined): string {
  try {
    return checkType(text);
  } catch {
    return checkType(undefined);
  }
}

function invalid(why: string): HoldfastError {
  const message = `upload-metadata ${why}`;
  return new HoldfastError("invalid_request", message, { field: "upload-metadata" });
}
