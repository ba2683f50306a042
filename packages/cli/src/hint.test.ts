import { type ErrorCode, errorRow, HoldfastError } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { hintOf } from "./hint.ts";
import { errorLine } from "./json.ts";
import { errorText } from "./text.ts";

describe("a hint", () => {
  it.each<[ErrorCode, Record<string, unknown>, RegExp]>([
    ["invalid_request", { field: "name" }, /^Rename the file/],
    ["route_not_found", {}, /address.*serve prints.*\/v1\/files\/ID/],
    ["transfer_busy", { pid: 7 }, /--wait/],
    ["unauthorized", { status: 401 }, /HOLDFAST_TOKEN.*--token-file/],
    ["wrong_address", { location: "https://a.example" }, /^Use https:\/\/a\.example instead\.$/],
    ["wrong_address", {}, /http:\/\/ where.*https:\/\/ where/],
    ["data_dir_busy", { holder: "process 7" }, /^Stop that process/],
    ["checkpoint_failed", {}, /HOLDFAST_STATE_DIR/],
    ["gave_up", {}, /same command again/],
    ["usage", {}, /--help/],
    ["request_too_large", { limit: 262_144 }, /client_max_body_size\) above 262144 bytes/],
    ["download_corrupt", { index: 3 }, /part 3 of this file/],
    ["not_holdfast", { status: 308 }, /no redirect is followed/],
    ["connection_failed", { cause: "EPROTO" }, /does not answer in TLS/],
    ["connection_failed", { cause: "ERR_SSL_WRONG_VERSION_NUMBER" }, /does not answer in TLS/],
    ["connection_failed", { cause: "ECONNRESET" }, /is cut.*https/],
    ["connection_failed", { cause: "HPE_INVALID_CONSTANT" }, /does not answer in plain HTTP/],
  ])("about %s with %j says what to do", (code, details, hint) => {
    expect(hintOf(new HoldfastError(code, "x", details))).toMatch(hint);
  });

  it.each<[ErrorCode, Record<string, unknown>]>([
    ["invalid_request", { field: "size" }],
    ["not_holdfast", { status: 502 }],
    ["connection_failed", { cause: "ECONNREFUSED" }],
  ])("about %s with %j is the table's", (code, details) => {
    expect(hintOf(new HoldfastError(code, "x", details))).toBe(errorRow(code).hint);
  });
});

describe("a transfer that gave up", () => {
  const last = new HoldfastError("not_holdfast", "status 301 came", { status: 301 });
  const error = new HoldfastError(
    "gave_up",
    "no progress; the last trouble: status 301 came",
    {},
    last,
  );

  it("tells a person what kept it, and what to do about that", () => {
    const [first, ...rest] = errorText(error).split("\n");
    expect(first).toContain("status 301 came");
    expect(rest).toEqual([
      `  ${hintOf(error)}`,
      `  Before that (not_holdfast): ${hintOf(last)}`,
      "  (gave_up)",
      "",
    ]);
  });

  it("tells a program the same", () => {
    const trouble = { code: "not_holdfast", message: "status 301 came", hint: hintOf(last) };
    expect(errorLine(error)).toMatchObject({ code: "gave_up", last: trouble });
    expect(errorLine(last)).not.toHaveProperty("last");
  });
});
