// What to do about an error: what the command knows better, else what the table of errors says.
import { type ErrorCode, errorRow, type HoldfastError, isHoldfastError } from "@holdfast/protocol";

const OWN_FAULT =
  "This is a fault in Holdfast, not in what you did. Nothing acknowledged is lost; please report it.";
const RENAME =
  "Rename the file: servers take no name with path separators, control or direction characters, and none above 255 bytes.";
const NO_ROUTE =
  "Check the address: --to takes the one that serve prints, and a file's, which upload prints, ends with /v1/files/ID.";
const BUSY =
  "Wait for it to end (--wait does), or stop it with Ctrl-C where it runs; then run the same command again.";
const REDIRECT =
  "The address leads elsewhere, and no redirect is followed: give the address that it leads to.";
const NO_TLS =
  "The server does not answer in TLS: check the address; perhaps it is one with http://.";
const NO_HTTP =
  "The server does not answer in plain HTTP: check the address; perhaps it is one with https://.";
/** A server that speaks TLS does so as well when it is not spoken to in TLS. */
const CUT =
  "The connection is cut: check the network and the address; a server with TLS wants https://.";

export function hintOf(error: HoldfastError): string {
  const hint = error.details["hint"];
  if (typeof hint === "string") return hint;
  // Without a status it was not the server that said so, and the table's words are about the server.
  if (error.code === "internal" && error.cause !== undefined) return OWN_FAULT;
  // Its other fields are not the user's: the command fills them.
  if (error.code === "invalid_request" && error.details["field"] === "name") return RENAME;
  if (error.code === "transfer_busy") return BUSY;
  if (error.code === "route_not_found") return NO_ROUTE;
  return hintOfAddress(error) ?? errorRow(error.code).hint;
}

/** What a wrong address looks like from here. */
function hintOfAddress({ code, details }: HoldfastError): string | undefined {
  const { status, cause } = details;
  if (code === "not_holdfast" && typeof status === "number" && status >= 300 && status < 400) {
    return REDIRECT;
  }
  if (code !== "connection_failed" || typeof cause !== "string") return undefined;
  if (cause === "ECONNRESET") return CUT;
  if (/^(?:EPROTO$|ERR_SSL_)/.test(cause)) return NO_TLS;
  return cause.startsWith("HPE_") ? NO_HTTP : undefined;
}

/** What kept a transfer from going on until it gave up. */
interface Trouble {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

/** The last trouble of a transfer that gave up, or undefined. */
export function lastTrouble({ code, cause }: HoldfastError): Trouble | undefined {
  if (code !== "gave_up" || !isHoldfastError(cause)) return undefined;
  return { code: cause.code, message: cause.message.trim(), hint: hintOf(cause) };
}
