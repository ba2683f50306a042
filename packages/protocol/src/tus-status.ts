// The statuses of tus 1.0.0: the table's, but where its clients understand another one.
import { type ErrorCode, errorRow, type HoldfastError } from "./errors.ts";
import type { Refusal } from "./resumable.ts";
import { TUS_VERSION } from "./tus.ts";

/**
 * 460 is the protocol's own; 423 is what clients wait after, where they take any other 4xx for the end; and a body that breaks off has to be a fault of the
 * server's in their eyes, since they send again only then.
 */
const STATUS: Partial<Record<ErrorCode, number>> = {
  digest_mismatch: 460,
  recovering: 423,
  part_busy: 423,
  append_in_progress: 423,
  body_stalled: 503,
  body_size_mismatch: 500,
  too_many_requests: 503,
};

const LOCKED = 423;

export function tusRefusalOf(error: HoldfastError, method: string): Refusal {
  const { code, details } = error;
  const { offset } = details;
  const status = tusStatusOf(error, method);
  if (code === "offset_mismatch") {
    return { status, fields: { "upload-offset": String(offset) }, members: {} };
  }
  const fields: Refusal["fields"] =
    code === "version_unsupported" ? { "tus-version": TUS_VERSION } : {};
  return { status, fields, members: {} };
}

export function tusStatusOf(
  { code, details }: Pick<HoldfastError, "code" | "details">,
  method: string,
): number {
  if (code === "upload_not_open" && details["role"] === "final") return 403;
  const row = errorRow(code);
  const status = STATUS[code] ?? row.status;
  // Clients that are refused an offset with 409 or 5xx forget the upload and begin from nothing.
  const isPassing = status >= 500 || row.retry === "later" || code === "upload_not_open";
  return method === "HEAD" && isPassing ? LOCKED : status;
}
