// What the command ends with: every error code has one exit code, so that scripts can tell what to do.
import { constants } from "node:os";
import type { ErrorCode, HoldfastError } from "@holdfast/protocol";

export const EXIT = {
  ok: 0,
  other: 1,
  usage: 2,
  directoryNotFound: 3,
  fileNotFound: 4,
  /** Trying again later may help, but the patience set by --give-up is spent. */
  gaveUp: 5,
  /** The same request would fail in the same way. */
  noRetry: 6,
  /** Nothing can work before a person has put something right on this machine or on the server. */
  fatal: 7,
  sizeLimit: 8,
  /** There was nothing to send or to fetch. 10 (time limit) is kept free for what it means in the tools this table follows. */
  nothingDone: 9,
  /** What the server has stored is bad: nothing on this side helps. */
  damaged: 11,
  auth: 77,
  interrupted: 130,
} as const;

/** What each of them means: help, manual and docs/cli.md say it in these words. */
export const EXIT_MEANINGS: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT.ok, "done"],
  [EXIT.other, "something else failed; of many, not all are done"],
  [EXIT.usage, "wrong usage or configuration"],
  [EXIT.directoryNotFound, "no such directory"],
  [EXIT.fileNotFound, "no such file"],
  [EXIT.gaveUp, "gave up; trying again later may help"],
  [EXIT.noRetry, "trying again does not help"],
  [EXIT.fatal, "something must be put right first"],
  [EXIT.sizeLimit, "too large for the server, or for a proxy before it"],
  [EXIT.nothingDone, "there was nothing to do"],
  [10, "kept free for a time limit"],
  [EXIT.damaged, "what the server has stored is damaged"],
  [EXIT.auth, "not allowed: the token is missing, wrong, or may not do that"],
  [EXIT.interrupted, "interrupted; the same command goes on (143 by SIGTERM, 129 by SIGHUP)"],
];

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const EXIT_CODES: Readonly<Record<ErrorCode, ExitCode>> = {
  invalid_request: EXIT.noRetry,
  invalid_digest: EXIT.noRetry,
  digest_unsupported: EXIT.noRetry,
  media_type_unsupported: EXIT.noRetry,
  body_size_mismatch: EXIT.gaveUp,
  part_out_of_range: EXIT.noRetry,
  run_too_long: EXIT.noRetry,
  unauthorized: EXIT.auth,
  forbidden: EXIT.auth,
  signature_refused: EXIT.auth,
  origin_not_allowed: EXIT.noRetry,
  upload_not_found: EXIT.noRetry,
  file_not_found: EXIT.fileNotFound,
  route_not_found: EXIT.noRetry,
  method_not_allowed: EXIT.noRetry,
  body_stalled: EXIT.gaveUp,
  part_conflict: EXIT.noRetry,
  part_busy: EXIT.gaveUp,
  append_in_progress: EXIT.gaveUp,
  offset_mismatch: EXIT.gaveUp,
  parts_missing: EXIT.gaveUp,
  root_mismatch: EXIT.noRetry,
  file_digest_mismatch: EXIT.noRetry,
  size_mismatch: EXIT.noRetry,
  upload_not_open: EXIT.gaveUp,
  upload_unreadable: EXIT.noRetry,
  upload_ended: EXIT.noRetry,
  version_unsupported: EXIT.noRetry,
  precondition_failed: EXIT.noRetry,
  size_too_large: EXIT.sizeLimit,
  range_not_satisfiable: EXIT.noRetry,
  digest_mismatch: EXIT.gaveUp,
  idempotency_conflict: EXIT.noRetry,
  quota_exceeded: EXIT.gaveUp,
  headers_too_large: EXIT.noRetry,
  too_many_requests: EXIT.gaveUp,
  internal: EXIT.other,
  body_consumed: EXIT.noRetry,
  shutting_down: EXIT.gaveUp,
  overloaded: EXIT.gaveUp,
  recovering: EXIT.gaveUp,
  storage_failed: EXIT.gaveUp,
  part_damaged: EXIT.damaged,
  storage_full: EXIT.gaveUp,
  source_changed: EXIT.noRetry,
  source_unreadable: EXIT.fileNotFound,
  source_gone: EXIT.fileNotFound,
  source_denied: EXIT.fileNotFound,
  sink_exists: EXIT.noRetry,
  sink_failed: EXIT.fatal,
  sink_full: EXIT.fatal,
  sink_denied: EXIT.fatal,
  sink_unsupported: EXIT.fatal,
  background_unsupported: EXIT.fatal,
  directory_not_found: EXIT.directoryNotFound,
  download_corrupt: EXIT.fatal,
  connection_failed: EXIT.gaveUp,
  stalled: EXIT.gaveUp,
  not_holdfast: EXIT.gaveUp,
  wrong_answer: EXIT.gaveUp,
  not_resumable: EXIT.noRetry,
  request_too_large: EXIT.sizeLimit,
  wrong_address: EXIT.usage,
  claim_lost: EXIT.gaveUp,
  gave_up: EXIT.gaveUp,
  aborted: EXIT.noRetry,
  interrupted: EXIT.interrupted,
  insecure_transport: EXIT.usage,
  certificate_untrusted: EXIT.fatal,
  transfer_busy: EXIT.gaveUp,
  checkpoint_failed: EXIT.fatal,
  checkpoint_damaged: EXIT.fatal,
  data_dir_busy: EXIT.fatal,
  data_dir_unusable: EXIT.fatal,
  metadata_unusable: EXIT.fatal,
  storage_unusable: EXIT.fatal,
  insecure_bind: EXIT.usage,
  weak_key: EXIT.usage,
  address_in_use: EXIT.fatal,
  transfers_failed: EXIT.other,
  nothing_to_do: EXIT.nothingDone,
  usage: EXIT.usage,
};

/** One that a signal interrupted ends as the shell says of such programs: 128 and the signal's number, 130 for Ctrl-C. */
export function exitCodeOf(error: HoldfastError): number {
  const exitCode = error.details["exitCode"];
  // Of several transfers that failed in the same way.
  if (error.code === "transfers_failed" && typeof exitCode === "number") return exitCode;
  const signal = error.details["signal"];
  if (error.code === "interrupted" && isSignal(signal)) return 128 + constants.signals[signal];
  return EXIT_CODES[error.code];
}

function isSignal(name: unknown): name is NodeJS.Signals {
  return typeof name === "string" && Object.hasOwn(constants.signals, name);
}
