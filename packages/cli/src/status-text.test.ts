import { addPart, createPartSet, type UploadView, uploadId } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { committedBytes, formatRows, uploadRows } from "./status-text.ts";

const MIB = 1024 * 1024;
const HOUR = 3_600_000;

function view(parts: readonly number[], more: Partial<UploadView> = {}): UploadView {
  const committed = createPartSet(20);
  for (const index of parts) addPart(committed, index);
  return {
    id: uploadId(new Uint8Array(16)),
    state: "open",
    name: "a\u001b[2J.img",
    type: "application/octet-stream",
    metadata: new Map(),
    size: 19 * MIB + 5,
    hasSize: true,
    partSize: MIB,
    digest: "sha-256",
    committed,
    offset: 0,
    runPartsMax: 64,
    createdAt: 0,
    expiresAt: 24 * HOUR,
    ...more,
  };
}

function rowOf(name: string, of: UploadView, now = 0): string | undefined {
  return uploadRows(of, now).find(([one]) => one === name)?.[1];
}

describe("an upload's status", () => {
  it("counts the last part as long as it is", () => {
    expect(committedBytes(view([19]))).toBe(5);
    expect(committedBytes(view([0, 19]))).toBe(MIB + 5);
    expect(committedBytes(view([]))).toBe(0);
  });

  it("names what is missing, not without end", () => {
    expect(rowOf("missing", view([0, 1, 2, 5]))).toBe("parts 3-4, 6-19");
    const every = Array.from({ length: 10 }, (_, at) => at * 2);
    expect(rowOf("missing", view(every))).toBe("parts 1, 3, 5, 7, 9, 11, 13, 15 and 2 ranges more");
    expect(rowOf("missing", view(Array.from({ length: 20 }, (_, at) => at)))).toBeUndefined();
  });

  it("says 100 % only of what is whole", () => {
    const parts = Array.from({ length: 19 }, (_, at) => at);
    expect(rowOf("committed", view(parts))).toContain("(99 %), 19 of 20 parts");
    expect(rowOf("committed", view([...parts, 19]))).toContain("(100 %), 20 of 20 parts");
  });

  it("knows the end of its time, and when that is over", () => {
    expect(rowOf("expires", view([]), 23 * HOUR)).toMatch(/, in 1 h 00 min$/);
    expect(rowOf("expires", view([]), 25 * HOUR)).toMatch(/, which is over$/);
    expect(rowOf("expires", view([], { state: "expired" }), 25 * HOUR)).toBeUndefined();
  });

  it("of an unknown size says the most that it may become", () => {
    const open = view([0], { hasSize: false });
    expect(rowOf("committed", open)).toContain("the size is not known yet, 19.0 MiB at most");
    expect(rowOf("missing", open)).toBeUndefined();
  });

  it("tells of its trouble, and lets no name drive the terminal", () => {
    const error = { code: "digest_mismatch", detail: "bad\u0007" };
    const text = formatRows(uploadRows(view([], { state: "failed", error }), 0));
    expect(text).toContain("trouble    bad\ufffd (digest_mismatch)");
    expect(text).not.toMatch(/(?!\n)\p{Cc}/u);
  });
});
