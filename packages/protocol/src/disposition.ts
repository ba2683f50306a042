// The name of a file in a Content-Disposition field (RFC 6266, RFC 8187), written and read.
import { HoldfastError } from "./errors.ts";
import { checkName } from "./text.ts";

const EXTENDED = /;[ \t]*filename\*[ \t]*=[ \t]*utf-8'[A-Za-z0-9-]*'([!#$&+.^_`|~0-9A-Za-z%-]+)/i;
const QUOTED = /;[ \t]*filename[ \t]*=[ \t]*"(_*)"/i;
/** Longer than any name can be in its longest form. */
const FIELD_SIZE_MAX = 8192;
/** What has no second quote ends with the field, so that broken ones cost one pass. */
const QUOTES = /"((?:[^"\\]|\\.)*)("|\\?$)/g;
const TOKEN = /;[ \t]*filename[ \t]*=[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)/i;

/**
 * The name that a request gives to the file it brings. `filename*` stands over `filename`.
 *
 * It is required: no page of another site can send this field without asking first, unlike a body of any type.
 *
 * @throws HoldfastError `invalid_request` naming `content-disposition` where there is none, `name` where it cannot be one.
 */
export function decodeDisposition(field: string | undefined): string {
  const isReadable = field !== undefined && field.length <= FIELD_SIZE_MAX;
  const name = isReadable ? nameIn(`;${field}`) : undefined;
  if (name === undefined) {
    const text = `content-disposition must name the file: attachment; filename*=UTF-8''name`;
    throw new HoldfastError("invalid_request", text, { field: "content-disposition" });
  }
  return checkName(name);
}

function nameIn(field: string): string | undefined {
  // A name may look like a parameter: what stands within quotes is none.
  const bare = field.replace(
    QUOTES,
    (_, within: string, end: string) => `"${"_".repeat(within.length)}${end}`,
  );
  const extended = EXTENDED.exec(bare)?.[1];
  if (extended !== undefined) return decodePercent(extended);
  const quoted = QUOTED.exec(bare);
  if (!quoted) return TOKEN.exec(bare)?.[1];
  const end = quoted.index + quoted[0].length - 1;
  return field.slice(end - (quoted[1] ?? "").length, end).replace(/\\(.)/g, "$1");
}

function decodePercent(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

/**
 * `attachment` with the name twice: in ASCII for old clients, and as it is (RFC 6266 section 4.3, RFC 8187).
 * What quotes, escapes or percent signs mean in the first form differs between browsers, so they do not stand in it.
 */
export function encodeDisposition(name: string): string {
  const ascii = name.replace(/[^\x20-\x7e]|["%\\]/gu, "_");
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encodeExtended(name)}`;
}

/** RFC 8187 section 3.2: what encodeURIComponent leaves alone is allowed, but for these four. */
function encodeExtended(text: string): string {
  return encodeURIComponent(text).replace(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
