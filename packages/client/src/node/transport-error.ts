// What became of a request, as an error of ours.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import { errnoOf, messageOf } from "./errno.ts";

export function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new HoldfastError("aborted");
}

/** Every error of Node as one of ours; our own reason for ending it comes first. */
export function rethrow(signal: AbortSignal): (error: unknown) => never {
  return (error) => {
    if (signal.aborted) throw reasonOf(signal);
    if (isHoldfastError(error)) throw error;
    throw connectionError(error);
  };
}

const REFUSED: ReadonlySet<string | undefined> = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENETDOWN",
  "ENOTFOUND",
  "EAI_AGAIN",
]);
const UNTRUSTED =
  /^(?:CERT_|ERR_TLS_CERT|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA)/;

/** What a server that speaks no TLS answers is no TLS; what one that speaks only TLS answers is an alert and no HTTP. */
const NOT_TLS = /wrong version number|packet length too long/;
const TLS_ALERT = 0x15;

function schemeError(error: unknown, cause: string | undefined): HoldfastError | undefined {
  if (cause === "EPROTO" && NOT_TLS.test(messageOf(error))) {
    const why = "the server speaks no TLS at this address: try it with http";
    return new HoldfastError("wrong_address", why, { cause }, error);
  }
  const isAlert =
    error instanceof Error &&
    "rawPacket" in error &&
    Buffer.isBuffer(error.rawPacket) &&
    error.rawPacket[0] === TLS_ALERT;
  if (!isAlert) return undefined;
  const why = "the server speaks TLS at this address: try it with https";
  return new HoldfastError("wrong_address", why, { cause }, error);
}

function connectionError(error: unknown): HoldfastError {
  const cause = errnoOf(error);
  const misdirected = schemeError(error, cause);
  if (misdirected) return misdirected;
  if (cause !== undefined && UNTRUSTED.test(cause)) {
    return new HoldfastError("certificate_untrusted", messageOf(error), { cause }, error);
  }
  // Both addresses of a name refused (happy eyeballs): an AggregateError without a message of its own.
  const message =
    messageOf(error) || `the server cannot be reached (${cause ?? "no reason given"})`;
  const details = { cause, refused: REFUSED.has(cause) };
  return new HoldfastError("connection_failed", message, details, error);
}
