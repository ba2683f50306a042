// What to do about an error: by the retry rule of the error table, with full jitter.
import { type ErrorCode, errorRow, type HoldfastError } from "@holdfast/protocol";

export const BACKOFF_BASE_MS = 200;
export const BACKOFF_MAX_MS = 30_000;
/** While the server cannot be reached at all, it is asked this often: the transfer goes on within 2 s of its return. */
export const PROBE_MS = 1_000;
/** No server is believed that it is away for longer than this. */
export const RETRY_AFTER_MAX_MS: number = 3_600_000;

export type Verdict =
  /** Try again after `waitMs`. */
  | { readonly kind: "wait"; readonly waitMs: number; readonly isCongested: boolean }
  /** The upload does not exist any more. */
  | { readonly kind: "gone" }
  /** The source is not what it was: what was sent of it must not be completed. */
  | { readonly kind: "changed" }
  /** No repetition would help. */
  | { readonly kind: "fail" };

const GONE: ReadonlySet<ErrorCode> = new Set(["upload_not_found", "upload_ended"]);
const CHANGED: ReadonlySet<ErrorCode> = new Set(["source_changed", "part_conflict"]);
/** Bounded by the number of times that one part was bad, not by the table's rule. */
const BAD_PART: ReadonlySet<ErrorCode> = new Set(["digest_mismatch", "download_corrupt"]);
/** Answers of a server or a proxy to requests that are too large; cured by shorter runs. */
const TOO_LARGE: ReadonlySet<number> = new Set([413, 431]);
const CONGESTED: ReadonlySet<number> = new Set([429, 503]);

/** `min(cap, base * 2^attempt)` times `chance` (0 to 1): waiting clients do not come back in step. */
export function backoffMs(attempt: number, chance: number, maxMs: number = BACKOFF_MAX_MS): number {
  return Math.round(chance * Math.min(maxMs, BACKOFF_BASE_MS * 2 ** Math.min(attempt, 30)));
}

/** Whether the request itself was too large for somebody on the way. */
export function isTooLarge(error: HoldfastError): boolean {
  const status = error.details["status"];
  return (
    error.code === "headers_too_large" ||
    (error.code === "not_holdfast" && typeof status === "number" && TOO_LARGE.has(status))
  );
}

/** Something on the way does not know PATCH, and never will. */
export function isNoAppend({ code, details }: HoldfastError): boolean {
  const status = details["status"];
  return code === "method_not_allowed" || status === 405 || status === 501;
}

/** Index of the part that an error says is bad, or undefined. */
export function badPart(error: HoldfastError): number | undefined {
  const index = error.details["index"];
  return BAD_PART.has(error.code) && typeof index === "number" ? index : undefined;
}

/** `attempt` counts the troubles since the last progress, from 0; `chance` is a random number from 0 to 1. */
export function judge(error: HoldfastError, attempt: number, chance: number): Verdict {
  if (GONE.has(error.code)) return { kind: "gone" };
  if (CHANGED.has(error.code)) return { kind: "changed" };
  // A mistake of the server carries its status; one of our own would only be made again.
  if (error.code === "internal" && error.details["status"] === undefined) return { kind: "fail" };
  const mayRepeat = badPart(error) !== undefined || isTooLarge(error);
  const rule = mayRepeat ? "now" : errorRow(error.code).retry;
  if (rule === "never" || rule === "auth") return { kind: "fail" };
  return { kind: "wait", waitMs: waitMs(error, attempt, chance), isCongested: isCongested(error) };
}

function waitMs(error: HoldfastError, attempt: number, chance: number): number {
  const told = error.details["retryAfterMs"];
  if (typeof told === "number") {
    return Math.max(0, Math.min(told, RETRY_AFTER_MAX_MS)) + backoffMs(0, chance);
  }
  if (error.code !== "connection_failed") return backoffMs(attempt, chance);
  if (error.details["refused"] === true || backoffMs(attempt, 1) >= PROBE_MS) return PROBE_MS;
  return backoffMs(attempt, chance);
}

function isCongested(error: HoldfastError): boolean {
  const status = error.details["status"];
  return error.code === "stalled" || (typeof status === "number" && CONGESTED.has(status));
}
