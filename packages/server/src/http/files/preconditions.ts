// Conditional requests and ranges (RFC 9110 sections 13 and 14) for content that never changes.
import { type ByteRange, decodeRange, HoldfastError } from "@holdfast/protocol";
import type { Request } from "../request.ts";

export interface Validators {
  readonly etag: string;
  /** Milliseconds since 1970; HTTP tells whole seconds. */
  readonly modifiedAt: number;
}

/**
 * Whether the client has it already (304), in the order of RFC 9110 section 13.2.2.
 *
 * @throws HoldfastError `precondition_failed`
 */
export function isNotModified(request: Request, { etag, modifiedAt }: Validators): boolean {
  const ifMatch = request.header("if-match");
  const ifUnmodified = parseDate(request.header("if-unmodified-since"));
  const modified = wholeSeconds(modifiedAt);
  if (ifMatch === undefined ? (ifUnmodified ?? modified) < modified : !hasStrong(ifMatch, etag)) {
    throw new HoldfastError("precondition_failed");
  }
  const ifNoneMatch = request.header("if-none-match");
  if (ifNoneMatch !== undefined) return hasWeak(ifNoneMatch, etag);
  const ifModified = parseDate(request.header("if-modified-since"));
  return ifModified !== undefined && modified <= ifModified;
}

/**
 * The one range to send, or undefined for the whole. A range under an If-Range that does not fit is no range: the client must not splice.
 *
 * @throws HoldfastError `range_not_satisfiable` with `details.size`
 */
export function wantedRange(
  request: Request,
  size: number,
  { etag, modifiedAt }: Validators,
): ByteRange | undefined {
  const ifRange = request.header("if-range");
  const isSame =
    ifRange === undefined || ifRange === etag || parseDate(ifRange) === wholeSeconds(modifiedAt);
  const range = isSame ? decodeRange(request.header("range"), size) : "whole";
  if (range === "unsatisfiable")
    throw new HoldfastError("range_not_satisfiable", undefined, { size });
  return range === "whole" ? undefined : range;
}

function hasStrong(field: string, etag: string): boolean {
  return field.trim() === "*" || tagsOf(field).includes(etag);
}

function hasWeak(field: string, etag: string): boolean {
  return field.trim() === "*" || tagsOf(field).some((tag) => tag.replace(/^W\//, "") === etag);
}

function tagsOf(field: string): readonly string[] {
  return field.match(/(?:W\/)?"[^"]*"/g) ?? [];
}

/** Only the one form of date that HTTP writes; anything else is as if it were not there. */
function parseDate(field: string | undefined): number | undefined {
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(field ?? "")) {
    return undefined;
  }
  const at = Date.parse(field ?? "");
  return Number.isNaN(at) ? undefined : at;
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
