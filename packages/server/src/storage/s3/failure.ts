// What a failed call means above the storage port, and when it is worth another one.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import { blameOf } from "./blame.ts";
import { S3Error } from "./calls.ts";

/** `storage_failed`, with what the store said; never a credential, and no address that is signed. */
export function storageError(error: unknown, doing: string): HoldfastError {
  if (isHoldfastError(error)) return error;
  if (!(error instanceof S3Error)) {
    return new HoldfastError("storage_failed", `${doing} failed`, {}, error);
  }
  const { fault } = error;
  if (fault.kind === "unsent") {
    return new HoldfastError("storage_failed", `${doing}: ${fault.message}`, {}, error);
  }
  if (fault.kind === "unanswered") {
    return new HoldfastError("storage_failed", `${doing}: the store did not answer`, {}, error);
  }
  const retryAfter = fault.retryAfterMs && { retryAfter: Math.ceil(fault.retryAfterMs / 1000) };
  const message = `${doing}: the store refused with ${fault.code}`;
  // Credentials end, clocks drift, and rights are taken away while a server runs.
  const blame = blameOf(fault);
  const named = blame && { setting: blame.setting, hint: blame.remedy };
  const gone = fault.code === "NoSuchUpload" ? { isPlaceGone: true } : {};
  const details = { store: fault.code, ...gone, ...retryAfter, ...named };
  return new HoldfastError("storage_failed", message, details, error);
}

/** Whether the same call may succeed in a moment. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof S3Error)) return false;
  const { fault } = error;
  if (fault.kind !== "refused") return true;
  return (fault.status >= 500 && fault.status !== NOT_IMPLEMENTED) || PASSING.has(fault.code);
}

/** What a store does not know it will not know in a moment. */
const NOT_IMPLEMENTED = 501;

const PASSING: ReadonlySet<string> = new Set([
  "SlowDown",
  "RequestTimeout",
  "TooManyRequests",
  "TooManyRequestsException",
  "ConditionalRequestConflict",
  "OperationAborted",
]);
