// The versions of Resumable Uploads for HTTP side by side: what each reads, what each tells, and that a malformed field never ends an upload.
import { describe, expect, it } from "vitest";
import { refusalOf } from "../scripts/vectors/refusal.ts";
import type { HeaderOf, UploadOffset } from "./append.ts";
import { spokenVersion } from "./drafts.ts";
import { HoldfastError } from "./errors.ts";
import type { ResumableCodec } from "./resumable.ts";

const headers =
  (fields: Readonly<Record<string, string | undefined>>): HeaderOf =>
  (name) =>
    fields[name];

function codecOf(interop: string | undefined): ResumableCodec {
  return spokenVersion(headers({ "upload-draft-interop-version": interop })).codec;
}

const NEWEST = codecOf("8");
const VIEW: UploadOffset = { offset: 5, isComplete: false, size: 9, maxSize: 9, expiresAt: 60_999 };
const URL = "/v1/uploads/x";

describe("the version of a request", () => {
  it.each(["3", "5", "6", "8", "8;a=b", "9"])("is %s where it says so", (interop) => {
    const { stamp } = spokenVersion(headers({ "upload-draft-interop-version": interop }));
    expect(stamp).toEqual({ "upload-draft-interop-version": interop.slice(0, 1) });
  });

  it.each([undefined, "", "4", "7", "10", "80", "?1", "six", "8, 8"])(
    "is the newest where it says %j, without interim responses",
    (interop) => {
      const { codec, stamp } = spokenVersion(headers({ "upload-draft-interop-version": interop }));
      expect([codec === NEWEST, stamp]).toEqual([true, undefined]);
    },
  );
});

describe("a creation", () => {
  it.each([
    ["8", { "upload-complete": "?1" }, undefined, { isLast: true }],
    ["8", { "upload-complete": "?1" }, 7, { isLast: true, size: 7 }],
    ["8", { "upload-complete": "?0" }, 7, { isLast: false }],
    ["8", { "upload-complete": "?0", "upload-length": "9" }, 7, { isLast: false, size: 9 }],
    ["8", { "upload-complete": "?1", "upload-length": "x" }, 7, { isLast: true, size: 7 }],
    ["8", { "upload-complete": "yes" }, 7, undefined],
    ["8", {}, 7, undefined],
    ["3", { "upload-incomplete": "?0" }, 7, { isLast: true, size: 7 }],
    ["3", { "upload-incomplete": "?1" }, 7, { isLast: false }],
    ["3", { "upload-incomplete": "yes" }, 7, undefined],
    ["3", { "upload-complete": "?1" }, 7, undefined],
  ] as const)("in version %s with %j and a body of %j is %j", (interop, fields, size, expected) => {
    const codec = codecOf(interop);
    expect(codec.decodeBegin(headers(fields), size)).toEqual(expected);
    expect(codec.decodesBegin(headers(fields))).toBe(expected !== undefined);
  });

  it.each([
    [{ "upload-complete": "?1", "upload-length": "9" }, 8],
    [{ "upload-complete": "?1", "upload-length": "9" }, 10],
    [{ "upload-complete": "?0", "upload-length": "9" }, 10],
  ])("with %j and a body of %i contradicts itself", (fields, size) => {
    const refusal = refusalOf(() => NEWEST.decodeBegin(headers(fields), size));
    expect(refusal).toMatchObject({ code: "size_mismatch" });
  });
});

describe("an append", () => {
  const APPEND = { "content-type": "application/partial-upload", "upload-offset": "5" };

  it.each([
    ["8", { ...APPEND, "upload-complete": "?1" }, { at: 5, isLast: true, size: 7 }],
    ["6", { ...APPEND, "upload-complete": "?0" }, { at: 5, isLast: false }],
    ["6", APPEND, { at: 5, isLast: true, size: 7 }],
    ["5", { "upload-offset": "5" }, { at: 5, isLast: true, size: 7 }],
    ["5", { ...APPEND, "content-type": "text/plain" }, { at: 5, isLast: true, size: 7 }],
    ["3", { "upload-offset": "5", "upload-incomplete": "?1" }, { at: 5, isLast: false }],
    ["3", { "upload-offset": "5", "upload-incomplete": "?0" }, { at: 5, isLast: true, size: 7 }],
    ["3", { "upload-offset": "5" }, { at: 5, isLast: true, size: 7 }],
  ])("in version %s with %j is %j", (interop, fields, expected) => {
    expect(codecOf(interop).decodeAppend(headers(fields), 2)).toEqual(expected);
  });

  it.each([
    ["8", APPEND, "invalid_request"],
    ["8", { ...APPEND, "upload-complete": "yes" }, "invalid_request"],
    ["8", { ...APPEND, "content-type": undefined }, "media_type_unsupported"],
    ["6", { ...APPEND, "upload-complete": "yes" }, "invalid_request"],
    ["6", { "upload-offset": "5" }, "media_type_unsupported"],
    ["5", { "upload-complete": "?0" }, "invalid_request"],
    ["3", { "upload-offset": "5", "upload-incomplete": "yes" }, "invalid_request"],
    ["3", { "upload-offset": "-5", "upload-incomplete": "?0" }, "invalid_request"],
  ])("in version %s with %j is refused", (interop, fields, code) => {
    const refusal = refusalOf(() => codecOf(interop).decodeAppend(headers(fields), 2));
    expect(refusal).toMatchObject({ code });
  });
});

describe("what is told", () => {
  it.each([
    [
      "8",
      {
        "upload-offset": "5",
        "upload-complete": "?0",
        "upload-length": "9",
        "upload-limit": "max-size=9, max-age=60",
      },
    ],
    [
      "6",
      {
        "upload-offset": "5",
        "upload-complete": "?0",
        "upload-length": "9",
        "upload-limit": "max-size=9, expires=60",
      },
    ],
    ["5", { "upload-offset": "5", "upload-complete": "?0" }],
    ["3", { "upload-offset": "5", "upload-incomplete": "?1" }],
  ])("of an offset in version %s", (interop, expected) => {
    expect(codecOf(interop).offsetFields(VIEW, 0)).toEqual(expected);
    const begun = codecOf(interop).begunFields(URL, VIEW, 0);
    expect(begun).toEqual({ ...expected, location: URL });
  });

  it("of an upload that has all bytes and no end has no length in version 6", () => {
    const whole = { ...VIEW, offset: 9 };
    expect(codecOf("6").offsetFields(whole, 0)["upload-length"]).toBeUndefined();
    const complete = { ...whole, isComplete: true };
    expect(codecOf("6").offsetFields(complete, 0)["upload-length"]).toBe("9");
    expect(NEWEST.offsetFields(whole, 0)["upload-length"]).toBe("9");
  });

  it.each([
    ["8", "/v1/files/y", { "upload-complete": "?1" }],
    ["6", URL, { "upload-complete": "?1" }],
    ["5", URL, { "upload-complete": "?1" }],
    ["3", URL, { "upload-incomplete": "?0" }],
  ])("of a file in version %s", (interop, location, expected) => {
    const fields = codecOf(interop).completeFields(URL, { offset: 9, fileUrl: "/v1/files/y" });
    expect(fields).toMatchObject({
      ...expected,
      location,
      "upload-offset": "9",
      "content-location": "/v1/files/y",
    });
  });

  it("of limits and progress, in the versions that have them", () => {
    const limits = { maxSize: 9, lifeMs: 60_999 };
    const told = ["8", "6", "5", "3"].map((interop) => [
      codecOf(interop).limitFields(limits)["upload-limit"],
      codecOf(interop).progressFields(5)?.["upload-offset"],
    ]);
    expect(told).toEqual([
      ["max-size=9, max-age=60", "5"],
      ["max-size=9, expires=60", "5"],
      [undefined, "5"],
      [undefined, undefined],
    ]);
  });
});

describe("a refusal", () => {
  const behind = new HoldfastError("offset_mismatch", undefined, { offset: 5 });
  const complete = new HoldfastError("upload_not_open", undefined, {
    state: "complete",
    offset: 9,
  });
  const registry = "https://iana.org/assignments/http-problem-types#";

  it.each([
    [
      "8",
      { "upload-offset": "5", "upload-complete": "?0" },
      `${registry}mismatching-upload-offset`,
    ],
    [
      "6",
      { "upload-offset": "5", "upload-complete": "?0" },
      `${registry}mismatching-upload-offset`,
    ],
    ["5", { "upload-offset": "5", "upload-complete": "?0" }, undefined],
    ["3", { "upload-offset": "5", "upload-incomplete": "?1" }, undefined],
  ])("of an offset in version %s", (interop, fields, type) => {
    const refusal = codecOf(interop).refusalOf(behind, 3);
    expect([refusal.fields, refusal.members["type"]]).toEqual([fields, type]);
  });

  it("of what is complete tells its end to who is elsewhere", () => {
    expect(NEWEST.refusalOf(complete, 3)).toMatchObject({ fields: { "upload-offset": "9" } });
    expect(NEWEST.refusalOf(complete, 9).fields).toEqual({ "upload-complete": "?0" });
    expect(codecOf("6").refusalOf(complete, 3)).toMatchObject({
      status: 400,
      members: { type: `${registry}completed-upload` },
    });
  });

  it("of what has ended is 404 in old versions", () => {
    const ended = new HoldfastError("upload_ended");
    const statuses = ["8", "6", "5", "3"].map((of) => codecOf(of).refusalOf(ended, 3).status);
    expect(statuses).toEqual([undefined, 404, 404, 404]);
  });

  it("of a file that is not what it should be says that nothing is missing", () => {
    const differs = new HoldfastError("file_digest_mismatch");
    expect(NEWEST.refusalOf(differs, 3).fields).toEqual({ "upload-complete": "?1" });
    expect(codecOf("3").refusalOf(differs, 3).fields).toEqual({ "upload-incomplete": "?0" });
  });

  it("of a state field where none may be is for old versions", () => {
    const fields = headers({ "upload-offset": "5" });
    expect(NEWEST.requireBare(fields)).toBeUndefined();
    for (const old of ["3", "5", "6"]) {
      const refusal = refusalOf(() => codecOf(old).requireBare(fields));
      expect(refusal).toEqual({ code: "invalid_request", field: "upload-offset" });
    }
    const incomplete = headers({ "upload-incomplete": "?1" });
    expect(refusalOf(() => codecOf("3").requireBare(incomplete))).toMatchObject({
      code: "invalid_request",
    });
  });
});
