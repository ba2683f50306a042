// What a store says to a signed request, in our own codes: its statuses, and the codes of S3 where they say more.
import { type ErrorCode, HoldfastError } from "@holdfast/protocol";

/** The bytes were not those that were signed for. */
const BAD_BYTES: ReadonlySet<string> = new Set([
  ...["BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"],
  ...["IncompleteBody", "InvalidChecksum"],
]);
const BUSY: ReadonlySet<string> = new Set(["SlowDown", "ServiceUnavailable", "Throttling"]);

/** @param text The body of the answer: an XML document, as a rule. */
export function storeError(
  status: number,
  text: string,
  more: { readonly retryAfterMs?: number },
): HoldfastError {
  const [, said = ""] = /<Code>([A-Za-z0-9.]{1,80})<\/Code>/.exec(text) ?? [];
  const why = `the store answered with status ${status}${said === "" ? "" : ` (${said})`}`;
  return new HoldfastError(codeOf(status, said), why, { status, ...more });
}

function codeOf(status: number, said: string): ErrorCode {
  if (BAD_BYTES.has(said)) return "digest_mismatch";
  // Expired, revoked, or by the clock of a store that goes differently: another signature is to be had.
  if (status === 403 || said === "ExpiredToken" || said === "AccessDenied")
    return "signature_refused";
  if (status === 408 || said === "RequestTimeout") return "body_stalled";
  if (status === 429 || status === 503 || BUSY.has(said)) return "overloaded";
  // Whether the upload is still there, its status tells.
  if (status === 404) return "parts_missing";
  if (status >= 500) return "storage_failed";
  // A redirect, which nothing follows; a portal; a proxy that takes no such body.
  return "not_holdfast";
}
