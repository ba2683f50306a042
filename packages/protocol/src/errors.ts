// The one table of errors: the same codes on the wire, in the SDK, in the command line and in the UI.

/**
 * What a client does about an error.
 *
 * `now`: the same request again, after a short back-off. `later`: after `Retry-After` or a longer back-off, with fewer requests in flight.
 * `status`: ask for the upload's status first, then go on with what is missing. `auth`: ask for new credentials, once. `never`: tell a person.
 */
export type RetryRule = "now" | "later" | "status" | "auth" | "never";

export interface ErrorRow {
  /** HTTP status on the wire; 0 where the error never crosses it. */
  readonly status: number;
  readonly retry: RetryRule;
  readonly title: string;
  /** What to do next, in one sentence. */
  readonly hint: string;
}

export const ERRORS = {
  invalid_request: {
    status: 400,
    retry: "never",
    title: "The request is not well formed",
    hint: "Correct what `field` names, such as the name of a file, and send it again.",
  },
  invalid_digest: {
    status: 400,
    retry: "never",
    title: "A digest is missing or malformed",
    hint: "Send Content-Digest for one part, or Part-Digest with one sha-256 per part for a run.",
  },
  body_size_mismatch: {
    status: 400,
    retry: "status",
    title: "The body is not as long as its parts",
    hint: "Send exactly the bytes of the parts that the path names; whole parts before the end are kept.",
  },
  part_out_of_range: {
    status: 400,
    retry: "never",
    title: "The upload has no such part",
    hint: "Read partCount from the upload's status and stay below it.",
  },
  run_too_long: {
    status: 400,
    retry: "never",
    title: "Too many parts in one request",
    hint: "Send at most 64 consecutive parts in one run.",
  },
  unauthorized: {
    status: 401,
    retry: "auth",
    title: "The token is missing or wrong",
    hint: "Give a token that is in force, as by signing in again; it travels as `Authorization: Bearer <token>`.",
  },
  forbidden: {
    status: 403,
    retry: "never",
    title: "This principal may not do that",
    hint: "Ask the operator for a token that may.",
  },
  signature_refused: {
    status: 403,
    retry: "auth",
    title: "This signed address is not in force",
    hint: "It has expired, was taken back, or is not as it was signed: ask for a new one.",
  },
  origin_not_allowed: {
    status: 403,
    retry: "never",
    title: "Pages of this origin may not do that",
    hint: "Ask the operator to allow the page's origin (`holdfast serve --origins`).",
  },
  upload_not_found: {
    status: 404,
    retry: "never",
    title: "There is no such upload",
    hint: "It may have expired or belong to somebody else; begin a new one.",
  },
  file_not_found: {
    status: 404,
    retry: "never",
    title: "There is no such file",
    hint: "Check the address; an upload's id is not its file's id.",
  },
  route_not_found: {
    status: 404,
    retry: "never",
    title: "There is nothing at this address",
    hint: "The routes are listed in docs/protocol.md.",
  },
  method_not_allowed: {
    status: 405,
    retry: "never",
    title: "This address does not take that method",
    hint: "The Allow header lists the methods it takes.",
  },
  body_stalled: {
    status: 408,
    retry: "status",
    title: "The body stopped coming",
    hint: "Whole parts that arrived are kept; ask for the status and send the rest.",
  },
  part_conflict: {
    status: 409,
    retry: "never",
    title: "This part is committed with another digest",
    hint: "The source has changed: begin a new upload.",
  },
  part_busy: {
    status: 409,
    retry: "later",
    title: "Another request is writing this part",
    hint: "Wait as long as Retry-After says, ask for the status, send what is missing.",
  },
  append_in_progress: {
    status: 409,
    retry: "later",
    title: "Another request is appending to this upload",
    hint: "Wait as long as Retry-After says, ask for the offset or the status, send what is missing.",
  },
  claim_lost: {
    status: 409,
    retry: "later",
    title: "Another server has taken this upload over",
    hint: "Ask for the offset or the status, and send what is missing.",
  },
  offset_mismatch: {
    status: 409,
    retry: "status",
    title: "The upload ends at another offset",
    hint: "Go on at the offset that Upload-Offset and `offset` tell.",
  },
  parts_missing: {
    status: 409,
    retry: "status",
    title: "Not all parts are there yet",
    hint: "Send the parts that `missing` lists, then complete again.",
  },
  root_mismatch: {
    status: 409,
    retry: "never",
    title: "The root differs from the committed parts",
    hint: "Compare your part digests with GET status ?digests=1; the upload is still open.",
  },
  file_digest_mismatch: {
    status: 409,
    retry: "never",
    title: "The file does not have the SHA-256 that was given",
    hint: "Every part is as it was sent: compare the SHA-256 with the source's, which may have changed.",
  },
  size_mismatch: {
    status: 409,
    retry: "never",
    title: "The size differs from the one that is fixed",
    hint: "The size of an upload is fixed once; begin a new upload for another size.",
  },
  upload_not_open: {
    status: 409,
    retry: "status",
    title: "The upload takes no more parts",
    hint: "It is being completed or already complete; its status says which, and names the file.",
  },
  upload_unreadable: {
    status: 409,
    retry: "never",
    title: "The bytes of this upload cannot be read before it is a file",
    hint: "Its store has parts that nobody can read yet: complete it, or create the next one with live.",
  },
  upload_ended: {
    status: 410,
    retry: "never",
    title: "The upload has ended",
    hint: "It was aborted, expired or failed; begin a new one.",
  },
  version_unsupported: {
    status: 412,
    retry: "never",
    title: "This version of the protocol is not spoken here",
    hint: "Use one of those that `versions` lists.",
  },
  precondition_failed: {
    status: 412,
    retry: "never",
    title: "The file is not the one the request is about",
    hint: "Fetch the manifest again: the ETag of a file is its root.",
  },
  size_too_large: {
    status: 413,
    retry: "never",
    title: "The size is above the limit",
    hint: "Ask whoever runs the server: `limit` says how large an upload may be here.",
  },
  media_type_unsupported: {
    status: 415,
    retry: "never",
    title: "This resource takes no body of that type",
    hint: "Send the body as one of `types`, which Accept-Patch lists too.",
  },
  range_not_satisfiable: {
    status: 416,
    retry: "never",
    title: "The range lies outside the file",
    hint: "The Content-Range header names the file's size.",
  },
  digest_unsupported: {
    status: 422,
    retry: "never",
    title: "This server has no such part digests",
    hint: "Create the upload with one of `algorithms`; sha-256 is everywhere.",
  },
  digest_mismatch: {
    status: 422,
    retry: "status",
    title: "A part's bytes do not have the digest that was sent",
    hint: "The part that `index` names was not kept; read it again from its source and send it again.",
  },
  idempotency_conflict: {
    status: 422,
    retry: "never",
    title: "This Idempotency-Key was used for another request",
    hint: "Send a new key with a new request; the same key belongs to the same request only.",
  },
  quota_exceeded: {
    status: 429,
    retry: "later",
    title: "This would be more than you may have at once",
    hint: "`limit` names what is used up: let uploads complete or abort them, then try again.",
  },
  headers_too_large: {
    status: 431,
    retry: "never",
    title: "The headers are too large",
    hint: "Send shorter runs: their digests travel in a header of at most 64 KiB.",
  },
  too_many_requests: {
    status: 429,
    retry: "later",
    title: "Too many requests at once",
    hint: "Wait as long as Retry-After says, and keep fewer requests in flight.",
  },
  internal: {
    status: 500,
    retry: "later",
    title: "The server made a mistake",
    hint: "Nothing acknowledged is lost; try again, and tell the operator the request's id.",
  },
  body_consumed: {
    status: 500,
    retry: "never",
    title: "Something in front of Holdfast has read the request's body",
    hint: "Tell the operator: no body parser may stand in front of Holdfast's routes.",
  },
  shutting_down: {
    status: 503,
    retry: "later",
    title: "The server is shutting down",
    hint: "Everything committed is kept; go on when it is back.",
  },
  overloaded: {
    status: 503,
    retry: "later",
    title: "The server has no memory free for more bodies",
    hint: "Wait as long as Retry-After says; whole parts that arrived are kept.",
  },
  recovering: {
    status: 503,
    retry: "later",
    title: "The upload is being checked after a storage fault",
    hint: "Wait as long as Retry-After says; committed parts are being read back.",
  },
  storage_failed: {
    status: 503,
    retry: "later",
    title: "The storage refused to read or write",
    hint: "The part was not kept; try again, and look at the server's log and disk.",
  },
  part_damaged: {
    status: 500,
    retry: "never",
    title: "The stored bytes of this part are damaged",
    hint: "Tell the operator: part `index` of file `file` is bad in the store. The same file uploaded again heals it.",
  },
  storage_full: {
    status: 507,
    retry: "later",
    title: "The storage is full",
    hint: "Nothing committed is lost; the upload goes on when there is room again.",
  },

  source_changed: {
    status: 0,
    retry: "never",
    title: "The source changed while it was being sent",
    hint: "Begin a new upload of the file as it is now: the same command again does, and so does choosing it anew.",
  },
  source_unreadable: {
    status: 0,
    retry: "never",
    title: "The source cannot be read",
    hint: "Check that the path exists, is a file and may be read; in a browser, choose it again.",
  },
  source_gone: {
    status: 0,
    retry: "never",
    title: "The file is not where it was",
    hint: "Choose it again where it is now: its upload goes on where it stopped.",
  },
  source_denied: {
    status: 0,
    retry: "never",
    title: "The browser may not read the file",
    hint: "Allow it when the browser asks, or choose the file again: its upload goes on where it stopped.",
  },
  sink_exists: {
    status: 0,
    retry: "never",
    title: "The target exists already",
    hint: "Choose another name, or remove it first.",
  },
  sink_failed: {
    status: 0,
    retry: "never",
    title: "The target cannot be written",
    hint: "Check the place, its permissions and the free space; the same again goes on from here.",
  },
  sink_full: {
    status: 0,
    retry: "never",
    title: "There is no room for the file",
    hint: "Make room and start the same download again: it goes on where it stopped. Browsers allow a site a part of the disk only.",
  },
  sink_denied: {
    status: 0,
    retry: "never",
    title: "The browser may not write the file",
    hint: "Allow it when the browser asks, or choose another place: the same download goes on with all that it has.",
  },
  sink_unsupported: {
    status: 0,
    retry: "never",
    title: "This page has no place where a download could be kept",
    hint: "It takes https, or an address of this machine, and a worker. A plain link to the file has the browser itself download it, without the checks.",
  },
  background_unsupported: {
    status: 0,
    retry: "never",
    title: "The browser cannot send the rest of this upload in the background",
    hint: "Keep the page open: it sends the rest itself.",
  },
  directory_not_found: {
    status: 0,
    retry: "never",
    title: "The directory does not exist",
    hint: "Make it first, or choose another one.",
  },
  download_corrupt: {
    status: 0,
    retry: "never",
    title: "The server keeps sending bytes that do not have their digest",
    hint: "Tell the operator: part `index` of this file is bad in the store.",
  },
  connection_failed: {
    status: 0,
    retry: "now",
    title: "The server cannot be reached",
    hint: "Check the address and the network; the transfer goes on when the server answers.",
  },
  stalled: {
    status: 0,
    retry: "now",
    title: "No byte moved for too long",
    hint: "The connection is given up and the rest sent on a new one.",
  },
  not_holdfast: {
    status: 0,
    retry: "later",
    title: "Something else than Holdfast answered",
    hint: "Check the address; a captive portal or a proxy may stand in between.",
  },
  wrong_answer: {
    status: 0,
    retry: "later",
    title: "The answer is not the one to the request",
    hint: "A proxy or a captive portal may stand in between; where this stays, tell whoever runs the server.",
  },
  not_resumable: {
    status: 0,
    retry: "never",
    title: "The server cannot be asked for parts of the file",
    hint: "It takes byte ranges, a size and a strong ETag to go on after a cut; another program can fetch the file in one go.",
  },
  request_too_large: {
    status: 0,
    retry: "never",
    title: "Something on the way takes no request with a whole part",
    hint: "Raise the body limit of the proxy before the server (nginx: client_max_body_size) above `limit` bytes, or use an address that goes round it.",
  },
  wrong_address: {
    status: 0,
    retry: "never",
    title: "The server is not at this address",
    hint: "Use the address that `location` names; where none is named, try the other one of http and https.",
  },
  gave_up: {
    status: 0,
    retry: "never",
    title: "No progress for too long",
    hint: "Start the same again: it goes on where it stopped.",
  },
  aborted: {
    status: 0,
    retry: "never",
    title: "The transfer was aborted",
    hint: "Start it again: what was aborted begins anew, what only stopped as its client was closed goes on.",
  },
  interrupted: {
    status: 0,
    retry: "never",
    title: "The transfer was interrupted",
    hint: "Run the same command again: it goes on where it stopped.",
  },
  checkpoint_failed: {
    status: 0,
    retry: "never",
    title: "The checkpoint cannot be stored",
    hint: "Make room, or allow it to be kept: in a browser what the site stores, else the directory that HOLDFAST_STATE_DIR names.",
  },
  checkpoint_damaged: {
    status: 0,
    retry: "never",
    title: "A checkpoint was damaged and is begun anew",
    hint: "Nothing that a server has is lost, and nothing need be done.",
  },
  data_dir_busy: {
    status: 0,
    retry: "never",
    title: "Another server owns this data directory",
    hint: "Stop the process that `holder` names, or give --data another directory.",
  },
  data_dir_unusable: {
    status: 0,
    retry: "never",
    title: "The data directory cannot be used",
    hint: "It must be a directory this process may write to, on a local file system, of this version or older.",
  },
  metadata_unusable: {
    status: 0,
    retry: "never",
    title: "The metadata store cannot be used",
    hint: "Look at --metadata: its address, its rights, its version, and whether another server uses it.",
  },
  storage_unusable: {
    status: 0,
    retry: "never",
    title: "The storage cannot be used",
    hint: "Look at its bucket, endpoint, region and rights: `holdfast doctor --storage` says what to set.",
  },
  insecure_transport: {
    status: 0,
    retry: "never",
    title: "Refusing to send a token in the clear",
    hint: "Use an https address; plain HTTP with a token is for this machine only.",
  },
  certificate_untrusted: {
    status: 0,
    retry: "never",
    title: "The server's certificate is not trusted",
    hint: "Check the address and the certificate; NODE_EXTRA_CA_CERTS names further authorities.",
  },
  transfer_busy: {
    status: 0,
    retry: "never",
    title: "Somebody else is at this transfer already",
    hint: "Wait until it has ended there, or stop it there; then start it again here.",
  },
  insecure_bind: {
    status: 0,
    retry: "never",
    title: "Refusing to listen beyond this machine without protection",
    hint: "Set HOLDFAST_TOKEN and pass --tls-cert and --tls-key (or --insecure behind something that does TLS), or listen on 127.0.0.1.",
  },
  weak_key: {
    status: 0,
    retry: "never",
    title: "The key to sign with is weak",
    hint: "Give 32 random bytes or more in hexadecimal or base64, such as `openssl rand -hex 32` prints.",
  },
  address_in_use: {
    status: 0,
    retry: "never",
    title: "The address is in use",
    hint: "Another process listens there; choose another --port.",
  },
  transfers_failed: {
    status: 0,
    retry: "never",
    title: "Some of the transfers failed",
    hint: "Put right what is said of each; the same command again goes on with what is missing.",
  },
  nothing_to_do: {
    status: 0,
    retry: "never",
    title: "There is nothing to do",
    hint: "Check the paths, and what --include and --exclude leave; --dry-run shows it.",
  },
  usage: {
    status: 0,
    retry: "never",
    title: "What was asked for is not understood",
    hint: "Correct what is named; the documentation, and --help of the command line, tell what there is.",
  },
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** The table's row of a code. */
export function errorRow(code: ErrorCode): ErrorRow {
  return ERRORS[code];
}

/** JSON values that an error may carry: they go onto the wire as members of the problem document. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** The only error that crosses a package boundary. `cause` is for the log and never leaves the process. */
export class HoldfastError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message?: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message ?? errorRow(code).title, cause === undefined ? undefined : { cause });
    this.name = "HoldfastError";
    this.code = code;
    this.details = details;
  }

  /** What helps, in one sentence: in the words of whoever met it, if there are any, else in the table's. */
  get hint(): string {
    const { hint } = this.details;
    return typeof hint === "string" ? hint : filled(this);
  }
}

/** Codes whose hint reads on where the value stands in the place of its field's name. On the wire the field stands beside it. */
const FILLED: ReadonlySet<ErrorCode> = new Set([
  "request_too_large",
  "download_corrupt",
  "part_damaged",
]);

function filled({ code, details }: HoldfastError): string {
  const { hint } = errorRow(code);
  if (!FILLED.has(code)) return hint;
  return hint.replace(/`(\w+)`/g, (name, field: string) => {
    const value = details[field];
    return typeof value === "string" || typeof value === "number" ? String(value) : name;
  });
}

export function isHoldfastError(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError;
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERRORS, code);
}

/** Any thrown value as a HoldfastError: what is not ours is `internal`, with the value as its cause. */
export function toHoldfastError(error: unknown): HoldfastError {
  return isHoldfastError(error) ? error : new HoldfastError("internal", undefined, {}, error);
}
