import { ERRORS, type ErrorCode, HoldfastError, isErrorCode } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { backoffMs, badPart, isTooLarge, judge, RETRY_AFTER_MAX_MS } from "./retry.ts";

const CODES: readonly ErrorCode[] = Object.keys(ERRORS).filter(isErrorCode);

describe("back-off", () => {
  it("is full jitter over base 200 ms, factor 2, cap 30 s", () => {
    expect([0, 1, 2, 7, 8, 50].map((attempt) => backoffMs(attempt, 1))).toEqual([
      200, 400, 800, 25_600, 30_000, 30_000,
    ]);
    expect(backoffMs(9, 0)).toBe(0);
    expect(backoffMs(9, 0.5)).toBe(15_000);
  });
});

describe("judge", () => {
  it.each<[ErrorCode, object, string]>([
    ["connection_failed", {}, "wait"],
    ["stalled", {}, "wait"],
    ["not_holdfast", { status: 200 }, "wait"],
    ["shutting_down", { status: 503 }, "wait"],
    ["internal", { status: 500 }, "wait"],
    ["internal", {}, "fail"],
    ["storage_full", { status: 507 }, "wait"],
    ["part_busy", { status: 409 }, "wait"],
    ["parts_missing", { status: 409 }, "wait"],
    ["digest_mismatch", { status: 422, index: 3 }, "wait"],
    ["download_corrupt", { index: 3 }, "wait"],
    ["download_corrupt", {}, "fail"],
    ["headers_too_large", { status: 431 }, "wait"],
    ["upload_not_found", { status: 404 }, "gone"],
    ["upload_ended", { status: 410 }, "gone"],
    ["part_conflict", { status: 409 }, "changed"],
    ["source_changed", {}, "changed"],
    ["unauthorized", { status: 401 }, "fail"],
    ["forbidden", { status: 403 }, "fail"],
    ["size_too_large", { status: 413 }, "fail"],
    ["file_not_found", { status: 404 }, "fail"],
    ["precondition_failed", { status: 412 }, "fail"],
    ["root_mismatch", { status: 409 }, "fail"],
    ["certificate_untrusted", {}, "fail"],
    ["sink_failed", {}, "fail"],
    ["source_unreadable", {}, "fail"],
    ["aborted", {}, "fail"],
  ])("%s %j: %s", (code, details, kind) => {
    expect(judge(new HoldfastError(code, undefined, { ...details }), 0, 0.5).kind).toBe(kind);
  });

  it.each(CODES)("never waits where the table says never: %s", (code) => {
    const verdict = judge(new HoldfastError(code), 3, 1);
    if (ERRORS[code].retry === "never" && code !== "headers_too_large") {
      expect(verdict.kind).not.toBe("wait");
    }
  });

  it("asks once a second while nothing listens", () => {
    const refused = new HoldfastError("connection_failed", undefined, { refused: true });
    for (const attempt of [0, 1, 20, 1000]) {
      expect(judge(refused, attempt, 0.1)).toMatchObject({ kind: "wait", waitMs: 1000 });
    }
  });

  it("never waits longer than a second for a connection that was cut", () => {
    const cut = new HoldfastError("connection_failed");
    expect(judge(cut, 0, 1)).toMatchObject({ waitMs: 200 });
    expect(judge(cut, 30, 1)).toMatchObject({ waitMs: 1000 });
  });

  it("waits at least as long as Retry-After says, within reason", () => {
    const told = (retryAfterMs: number) =>
      judge(new HoldfastError("shutting_down", undefined, { retryAfterMs }), 9, 0.5);
    expect(told(7_000)).toMatchObject({ waitMs: 7_100 });
    expect(told(0)).toMatchObject({ waitMs: 100 });
    expect(told(1e12)).toMatchObject({ waitMs: RETRY_AFTER_MAX_MS + 100 });
    expect(told(-5000)).toMatchObject({ waitMs: 100 });
  });

  it("knows congestion: 429, 503 and stalls, not a cut", () => {
    const isCongested = (code: ErrorCode, status?: number) => {
      const verdict = judge(new HoldfastError(code, undefined, { status }), 0, 0.5);
      return verdict.kind === "wait" && verdict.isCongested;
    };
    expect(isCongested("shutting_down", 503)).toBe(true);
    expect(isCongested("not_holdfast", 429)).toBe(true);
    expect(isCongested("stalled")).toBe(true);
    expect(isCongested("connection_failed")).toBe(false);
    expect(isCongested("internal", 500)).toBe(false);
  });
});

describe("what an error tells", () => {
  it("knows a request that is too large for a proxy, and not an upload that is too large for the server", () => {
    expect(isTooLarge(new HoldfastError("not_holdfast", undefined, { status: 413 }))).toBe(true);
    expect(isTooLarge(new HoldfastError("not_holdfast", undefined, { status: 502 }))).toBe(false);
    expect(isTooLarge(new HoldfastError("headers_too_large"))).toBe(true);
    expect(isTooLarge(new HoldfastError("size_too_large", undefined, { status: 413 }))).toBe(false);
  });

  it("knows which part was bad", () => {
    expect(badPart(new HoldfastError("digest_mismatch", undefined, { index: 0 }))).toBe(0);
    expect(badPart(new HoldfastError("digest_mismatch"))).toBeUndefined();
    expect(badPart(new HoldfastError("part_conflict", undefined, { index: 1 }))).toBeUndefined();
  });
});
