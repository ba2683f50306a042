// What to do about an error: what the command knows better, else what the table of errors says.
import { type ErrorCode, type HoldfastError, isHoldfastError } from "@holdfast/protocol";

const OWN_FAULT =
  "This is a fault in Holdfast, not in what you did. Nothing acknowledged is lost; please report it.";
const RENAME =
  "Rename the file: servers take no name with path separators, line breaks, control characters or direction overrides, and none above 255 bytes.";
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

/** Where the table speaks to whoever writes requests: what it means to whoever types commands. */
const TYPED: Readonly<Partial<Record<ErrorCode, string>>> = {
  transfer_busy: BUSY,
  route_not_found: NO_ROUTE,
  unauthorized:
    "Put the server's token into HOLDFAST_TOKEN, or name a file that holds it with --token-file; whoever runs the server has it.",
  wrong_address:
    "Change the beginning of the address: http:// where the server speaks no TLS, https:// where it does.",
  size_too_large: "Ask whoever runs the server: size-max under [serve] is the limit there.",
  checkpoint_failed:
    "Check the state directory and its free space; HOLDFAST_STATE_DIR names another one.",
  gave_up: "Run the same command again: it goes on where it stopped.",
  usage: "Run it with --help.",
  data_dir_busy: "Stop that process, or give --data another directory.",
};

export function hintOf(error: HoldfastError): string {
  const hint = error.details["hint"];
  if (typeof hint === "string") return hint;
  // Without a status it was not the server that said so, and the table's words are about the server.
  if (error.code === "internal" && error.cause !== undefined) return OWN_FAULT;
  // Its other fields are not the user's: the command fills them.
  if (error.code === "invalid_request" && error.details["field"] === "name") return RENAME;
  return hintOfAddress(error) ?? TYPED[error.code] ?? error.hint;
}

/** What a wrong address looks like from here. */
function hintOfAddress({ code, details }: HoldfastError): string | undefined {
  const { status, cause, location } = details;
  if (code === "wrong_address" && typeof location === "string") return `Use ${location} instead.`;
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
