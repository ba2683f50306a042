import { ERRORS, type ErrorCode, errorRow, HoldfastError, isErrorCode } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { exitCodeOf } from "./exit-codes.ts";

const CODES: readonly ErrorCode[] = Object.keys(ERRORS).filter(isErrorCode);

/** The contract with scripts, by exit code. A code that moves to another line breaks somebody's script. */
const CONTRACT: Readonly<Record<number, readonly ErrorCode[]>> = {
  1: ["internal", "transfers_failed"],
  2: ["usage", "insecure_bind", "insecure_transport", "weak_key", "wrong_address"],
  3: ["directory_not_found"],
  4: ["source_unreadable", "source_gone", "source_denied", "file_not_found"],
  5: [
    "body_size_mismatch",
    "body_stalled",
    "part_busy",
    "append_in_progress",
    "offset_mismatch",
    "parts_missing",
    "upload_not_open",
    "digest_mismatch",
    "shutting_down",
    "recovering",
    "overloaded",
    "too_many_requests",
    "storage_failed",
    "storage_full",
    "quota_exceeded",
    "connection_failed",
    "stalled",
    "not_holdfast",
    "wrong_answer",
    "claim_lost",
    "gave_up",
    "transfer_busy",
    "append_in_progress",
    "offset_mismatch",
  ],
  6: [
    "invalid_request",
    "invalid_digest",
    "digest_unsupported",
    "media_type_unsupported",
    "part_out_of_range",
    "run_too_long",
    "upload_not_found",
    "route_not_found",
    "body_consumed",
    "origin_not_allowed",
    "method_not_allowed",
    "part_conflict",
    "root_mismatch",
    "file_digest_mismatch",
    "size_mismatch",
    "upload_unreadable",
    "upload_ended",
    "version_unsupported",
    "precondition_failed",
    "range_not_satisfiable",
    "not_resumable",
    "headers_too_large",
    "idempotency_conflict",
    "source_changed",
    "sink_exists",
    "aborted",
  ],
  7: [
    "sink_failed",
    "sink_full",
    "sink_denied",
    "sink_unsupported",
    "background_unsupported",
    "download_corrupt",
    "certificate_untrusted",
    "checkpoint_failed",
    "checkpoint_damaged",
    "data_dir_busy",
    "data_dir_unusable",
    "metadata_unusable",
    "storage_unusable",
    "address_in_use",
  ],
  8: ["size_too_large", "request_too_large"],
  9: ["nothing_to_do"],
  11: ["part_damaged"],
  77: ["unauthorized", "forbidden", "signature_refused"],
  130: ["interrupted"],
};

describe("exit codes", () => {
  it.each(CODES)("of %s is the one of the contract", (code) => {
    const lines = Object.entries(CONTRACT).filter(([, codes]) => codes.includes(code));
    expect(lines.map(([exit]) => Number(exit))).toEqual([exitCodeOf(new HoldfastError(code))]);
  });

  it("say that trying again may help exactly where the table of errors does", () => {
    const mayRetry = CODES.filter((code) =>
      ["now", "later", "status"].includes(errorRow(code).retry),
    );
    const others = mayRetry.filter((code) => exitCodeOf(new HoldfastError(code)) !== 5);
    expect(others).toEqual(["internal"]);
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ])("name the signal %s", (signal, exit) => {
    expect(exitCodeOf(new HoldfastError("interrupted", undefined, { signal }))).toBe(exit);
  });
});
