// The headers of the sequential mode: what is read, what is passed over, what is refused.
import { describe, expect, it } from "vitest";
import { refusalOf } from "../scripts/vectors/refusal.ts";
import {
  APPEND_TYPE,
  decodeUploadLength,
  decodeUploadOffset,
  encodeUploadOffset,
  type HeaderOf,
} from "./append.ts";
import { DRAFT_8 } from "./draft-8.ts";

const GOOD = {
  "content-type": APPEND_TYPE,
  "upload-offset": "5",
  "upload-complete": "?0",
};

function headers(fields: Readonly<Record<string, string | undefined>>): HeaderOf {
  return (name) => fields[name];
}

describe("the head of an append", () => {
  it.each([
    [{}, { at: 5, isLast: false }],
    [{ "upload-complete": "?1" }, { at: 5, isLast: true }],
    [{ "upload-complete": " ?1;x=1 " }, { at: 5, isLast: true }],
    [{ "upload-offset": "0" }, { at: 0, isLast: false }],
    [{ "upload-offset": "7;a" }, { at: 7, isLast: false }],
    [{ "upload-length": "9" }, { at: 5, isLast: false, size: 9 }],
    [{ "upload-length": "nine" }, { at: 5, isLast: false }],
    [{ "upload-length": '"9"' }, { at: 5, isLast: false }],
    [{ "upload-length": "-9" }, { at: 5, isLast: false }],
    [{ "upload-length": "9.0" }, { at: 5, isLast: false }],
    [{ "content-type": "Application/Partial-Upload; x=y" }, { at: 5, isLast: false }],
  ])("with %j is %j", (change, expected) => {
    expect(DRAFT_8.decodeAppend(headers({ ...GOOD, ...change }), undefined)).toEqual(expected);
  });

  it.each([
    ["upload-offset", undefined],
    ["upload-offset", ""],
    ["upload-offset", "-1"],
    ["upload-offset", "1.5"],
    ["upload-offset", "0x5"],
    ["upload-offset", "5, 5"],
    ["upload-offset", "1234567890123456"],
    ["upload-complete", undefined],
    ["upload-complete", "1"],
    ["upload-complete", "true"],
    ["upload-complete", "?2"],
  ])("is refused where %s is %s", (field, value) => {
    const refusal = refusalOf(() =>
      DRAFT_8.decodeAppend(headers({ ...GOOD, [field]: value }), undefined),
    );
    expect(refusal).toEqual({ code: "invalid_request", field });
  });
});

describe("an offset", () => {
  it("is told with everything that is known", () => {
    const view = { offset: 5, isComplete: false, size: 9, maxSize: 9, expiresAt: 61_999 };
    const fields = encodeUploadOffset(view, 1000);
    expect(fields).toEqual({
      "upload-offset": "5",
      "upload-complete": "?0",
      "upload-length": "9",
      "upload-limit": "max-size=9, max-age=60",
    });
    const read = decodeUploadOffset(headers(fields));
    expect(read).toEqual({ offset: 5, isComplete: false, size: 9 });
  });

  it("names the file of a complete upload, and never a negative age", () => {
    const view = { offset: 9, isComplete: true, size: 9, maxSize: 9, expiresAt: 0 };
    expect(encodeUploadOffset({ ...view, fileUrl: "/v1/files/x" }, 1000)).toMatchObject({
      "upload-complete": "?1",
      "content-location": "/v1/files/x",
      "upload-limit": "min-size=0",
    });
    const late = encodeUploadOffset({ ...view, isComplete: false }, 1000);
    expect(late["upload-limit"]).toBe("max-size=9, max-age=0");
  });

  it("is not read from an answer that has none", () => {
    expect(decodeUploadOffset(headers({ "upload-complete": "?1" }))).toBeUndefined();
    expect(decodeUploadLength(headers({}))).toEqual({});
  });
});
