// What SQLite's errors mean here: which undo one change, which fill the disk, and after which nothing may be written any more.
import { type ErrorCode, HoldfastError, isHoldfastError } from "@holdfast/protocol";

/** SQLite's result codes (sqlite.org/rescode.html); the low byte of an extended one is the primary one. */
const SQLITE = {
  busy: 5,
  locked: 6,
  outOfMemory: 7,
  full: 13,
  tooBig: 18,
  constraint: 19,
  mismatch: 20,
  range: 25,
  generic: 1,
  ioShmSize: 4874,
} as const;

/**
 * What an error undoes.
 *
 * `change`: this change alone. `group`: everything in the transaction, and the store goes on. `store`: the transaction, and nobody knows what the disk
 * holds now: a failed flush leaves pages that look clean, so a second one proves nothing.
 */
export type Reach = "change" | "group" | "store";

export interface Failure {
  readonly reach: Reach;
  readonly error: HoldfastError;
}

export function failureOf(cause: unknown): Failure {
  if (isHoldfastError(cause)) return { reach: "change", error: cause };
  const code = resultCode(cause);
  if (code === SQLITE.ioShmSize) return describe("group", "storage_full", cause);
  switch (code === undefined ? undefined : code & 0xff) {
    case undefined:
    case SQLITE.generic:
    case SQLITE.tooBig:
    case SQLITE.constraint:
    case SQLITE.mismatch:
    case SQLITE.range:
      return describe("change", "internal", cause);
    case SQLITE.full:
      return describe("group", "storage_full", cause);
    case SQLITE.busy:
    case SQLITE.locked:
    case SQLITE.outOfMemory:
      return describe("group", "storage_failed", cause);
    default:
      return describe("store", "storage_failed", cause);
  }
}

function describe(reach: Reach, code: ErrorCode, cause: unknown): Failure {
  const why = cause instanceof Error ? cause.message : "unknown error";
  const text = {
    storage_full: "there is no room for the record",
    storage_failed: `the records cannot be written: ${why}`,
  };
  const message = code === "storage_full" || code === "storage_failed" ? text[code] : undefined;
  return { reach, error: new HoldfastError(code, message, {}, cause) };
}

/** SQLite's extended result code, where the error is one of SQLite's. */
function resultCode(cause: unknown): number | undefined {
  if (!(cause instanceof Error) || !("errcode" in cause)) return undefined;
  return typeof cause.errcode === "number" ? cause.errcode : undefined;
}
