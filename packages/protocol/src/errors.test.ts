// What helps against an error, as a program or a page shows it.
import { expect, it } from "vitest";
import { type ErrorCode, errorRow, HoldfastError } from "./errors.ts";

const hintOf = (code: ErrorCode, details: Record<string, unknown>) =>
  new HoldfastError(code, "x", details).hint;

it.each<[ErrorCode, Record<string, unknown>, string]>([
  ["request_too_large", { limit: 262_144 }, "client_max_body_size) above 262144 bytes"],
  ["download_corrupt", { index: 0 }, "part 0 of this file"],
  ["part_damaged", { index: 3, file: "f1" }, "part 3 of file f1 is bad"],
  ["part_damaged", { index: 3 }, "part 3 of file `file` is bad"],
  ["storage_unusable", { hint: "Make the bucket." }, "Make the bucket."],
])("a hint about %s with %j says which", (code, details, text) => {
  expect(hintOf(code, details)).toContain(text);
});

it.each<[ErrorCode, Record<string, unknown>]>([
  ["request_too_large", { limit: [1] }],
  ["quota_exceeded", { limit: "openMax" }],
  ["size_too_large", { limit: 7, hint: 7 }],
])("a hint about %s with %j is the table's", (code, details) => {
  expect(hintOf(code, details)).toBe(errorRow(code).hint);
});
