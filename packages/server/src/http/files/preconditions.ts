// Conditional requests and ranges (RFC 9110 sections 13 and 14) for content that never changes.
import { type ByteRange, decodeRanges, HoldfastError, RANGES_MAX } from "@holdfast/protocol";
import type { Request } from "../request.ts";
import { parseHttpDate } from "./http-date.ts";

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
export function isNotModified(
  request: Request,
  { etag, modifiedAt }: Validators,
  now: number,
): boolean {
  const ifMatch = request.header("if-match");
  const ifUnmodified = parseHttpDate(request.header("if-unmodified-since"), now);
  const modified = wholeSeconds(modifiedAt);
  if (ifMatch === undefined ? (ifUnmodified ?? modified) < modified : !hasStrong(ifMatch, etag)) {
    throw new HoldfastError("precondition_failed");
  }
  const ifNoneMatch = request.header("if-none-match");
  if (ifNoneMatch !== undefined) return hasWeak(ifNoneMatch, etag);
  const ifModified = parseHttpDate(request.header("if-modified-since"), now);
  return ifModified !== undefined && modified <= ifModified;
}

/**
 * The ranges to send, or undefined for the whole. A range under an If-Range that does not fit is no range: the client must not splice.
 *
 * A date fits like an ETag, for it is a strong validator here (section 8.8.2.2): nothing changes, so nothing has changed twice in a second.
 * @throws HoldfastError `range_not_satisfiable` with `details.size`
 */
export function wantedRanges(
  request: Request,
  size: number,
  { etag, modifiedAt }: Validators,
  now: number,
): readonly ByteRange[] | undefined {
  const ifRange = request.header("if-range");
  const isSame =
    ifRange === undefined ||
    ifRange === etag ||
    parseHttpDate(ifRange, now) === wholeSeconds(modifiedAt);
  const ranges = isSame ? decodeRanges(request.header("range"), size) : "whole";
  if (ranges === "whole") return undefined;
  if (ranges === "unsatisfiable")
    throw new HoldfastError("range_not_satisfiable", undefined, { size });
  if (ranges === "excessive") {
    const message = `at most ${RANGES_MAX} ranges in one request, of which at most two overlap`;
    throw new HoldfastError("range_not_satisfiable", message, { size });
  }
  return ranges;
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

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
