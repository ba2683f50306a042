// The codecs of tus: what its fields say, and what is refused.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeBase64 } from "./base64.ts";
import { HoldfastError, isHoldfastError } from "./errors.ts";
import { checkName, NAME_BYTES_MAX } from "./text.ts";
import { decodeTusAppend, decodeTusCreation } from "./tus.ts";
import { announcesChecksum, decodeChecksum } from "./tus-checksum.ts";
import { decodeConcat, partialIdOf } from "./tus-concat.ts";
import { decodeTusMetadata } from "./tus-metadata.ts";
import { tusRefusalOf } from "./tus-status.ts";

const headers =
  (fields: Readonly<Record<string, string>>) =>
  (name: string): string | undefined =>
    fields[name];

function refusalOf(task: () => unknown): string {
  try {
    task();
  } catch (error) {
    if (isHoldfastError(error)) return `${error.code} ${error.details["field"] ?? ""}`.trim();
    throw error;
  }
  return "taken";
}

const UTF8 = new TextEncoder();
const pair = (key: string, value: string) => `${key} ${encodeBase64(UTF8.encode(value))}`;

describe("Upload-Metadata", () => {
  it("names the file, by whichever key", () => {
    for (const key of ["filename", "name"]) {
      expect(decodeTusMetadata(pair(key, "Übung ☂.mp4")).name).toBe("Übung ☂.mp4");
    }
    const both = `${pair("name", "b")},${pair("filename", "a")}`;
    expect(decodeTusMetadata(both).name).toBe("a");
    expect(decodeTusMetadata(undefined).name).toBe("unnamed");
  });

  it.each([
    ["a/b\\c.txt", "c.txt"],
    ["..", "unnamed"],
    ["a/", "unnamed"],
    ["\u202egnp.exe", "_gnp.exe"],
    ["a\u0000b", "a_b"],
    [`${"ü".repeat(300)}.jpeg`, `${"ü".repeat(125)}.jpeg`],
  ])("makes a name of %j", (said, name) => {
    expect(decodeTusMetadata(pair("filename", said)).name).toBe(name);
  });

  it("takes any text for a name", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 600 }), (text) => {
        const { name } = decodeTusMetadata(pair("filename", text));
        expect(checkName(name)).toBe(name);
        expect(UTF8.encode(name).length).toBeLessThanOrEqual(NAME_BYTES_MAX);
      }),
    );
  });

  it("keeps every text as metadata, and passes over other bytes", () => {
    const field = `${pair("__proto__", "a")},flag,bytes /wA=,${pair("filetype", "no type")}`;
    const { metadata, type } = decodeTusMetadata(field);
    expect([...metadata]).toEqual([
      ["__proto__", "a"],
      ["flag", ""],
      ["filetype", "no type"],
    ]);
    expect(type).toBe("application/octet-stream");
  });

  it.each(["a b!", "a =", "a YQ==,a YQ==", "a,,b", ",", "ü YQ==", "a YQ== YQ=="])(
    "refuses %j",
    (field) => {
      expect(refusalOf(() => decodeTusMetadata(field))).toBe("invalid_request upload-metadata");
    },
  );

  it("costs one pass however it is broken", () => {
    const field = `${"a ".repeat(30_000)}!`;
    expect(refusalOf(() => decodeTusMetadata(field))).toBe("invalid_request upload-metadata");
  });
});

describe("Upload-Concat", () => {
  it("is partial, or final with addresses in their order", () => {
    expect(decodeConcat("partial")).toEqual({ kind: "partial" });
    const field = "final;/tus/b https://h/tus/a /tus/b";
    expect(decodeConcat(field)).toEqual({
      kind: "final",
      urls: ["/tus/b", "https://h/tus/a", "/tus/b"],
      field,
    });
  });

  it.each(["", "final", "final;", "final; ", "Partial", "partial;a", `final;${"a ".repeat(2049)}`])(
    "refuses %j",
    (field) => {
      expect(refusalOf(() => decodeConcat(field))).toBe("invalid_request upload-concat");
    },
  );

  const here = { path: "/tus", hosts: ["files.example"] };
  it.each([
    ["/tus/abc", here],
    ["abc", here],
    ["./abc", here],
    ["http://files.example/tus/abc", here],
    ["https://files.example:443/tus/abc", here],
    ["http://files.example:8420/tus/abc", { ...here, hosts: ["files.example:8420"] }],
    ["https://anywhere.example/up/abc", {}],
  ])("finds the id in %s", (url, place) => {
    expect(partialIdOf(url, place)).toBe("abc");
  });

  it.each([
    ["http://files.example.evil/tus/abc", here],
    ["http://files.example:81/tus/abc", here],
    ["//evil.example/tus/abc", here],
    ["/tus/x/abc", here],
    ["/other/abc", here],
    ["/tus/../abc", here],
    ["/tus/", here],
    ["/tus/abc#x", here],
    ["/tus/abc?x", {}],
    ["javascript:abc", {}],
    ["http://", {}],
  ])("finds none in %s", (url, place) => {
    expect(refusalOf(() => partialIdOf(url, place))).toBe("invalid_request upload-concat");
  });
});

describe("Upload-Checksum", () => {
  it("names an algorithm and its value", () => {
    const value = encodeBase64(new Uint8Array(20).fill(7));
    expect(decodeChecksum(`sha1 ${value}`)).toEqual({
      algorithm: "sha1",
      value: new Uint8Array(20).fill(7),
    });
  });

  it.each([
    "",
    "sha1",
    "sha1  AAAA",
    "md5 AAAA",
    "crc32c AAAAAA",
    "crc32c AAAAAAA=",
    "toString AAAA",
  ])("refuses %j", (field) => {
    expect(refusalOf(() => decodeChecksum(field))).toBe("invalid_digest upload-checksum");
  });

  it("may be announced as a trailer, among others", () => {
    expect(announcesChecksum("Expires, upload-checksum")).toBe(true);
    expect(announcesChecksum("Upload-Checksums")).toBe(false);
    expect(announcesChecksum(undefined)).toBe(false);
  });
});

describe("heads", () => {
  it("of a creation", () => {
    expect(decodeTusCreation(headers({ "upload-length": "5" }))).toEqual({
      size: 5,
      hasBytes: false,
    });
    const type = { "content-type": "Application/Offset+Octet-Stream; x=y" };
    expect(decodeTusCreation(headers({ "upload-defer-length": "1", ...type }))).toEqual({
      hasBytes: true,
    });
  });

  it("of bytes", () => {
    const fields = { "content-type": "application/offset+octet-stream", "upload-offset": "007" };
    expect(decodeTusAppend(headers(fields))).toEqual({ at: 7 });
  });
});

describe("statuses", () => {
  it.each([
    ["digest_mismatch", "PATCH", 460],
    ["append_in_progress", "PATCH", 423],
    ["part_busy", "PATCH", 423],
    ["recovering", "HEAD", 423],
    ["body_stalled", "PATCH", 503],
    ["offset_mismatch", "PATCH", 409],
    ["upload_not_found", "HEAD", 404],
    ["unauthorized", "HEAD", 401],
  ] as const)("%s to %s is %i", (code, method, status) => {
    expect(tusRefusalOf(new HoldfastError(code), method).status).toBe(status);
  });

  it("never refuse an offset with what makes clients begin anew, where it may pass", () => {
    for (const code of [
      ...(["storage_failed", "internal", "overloaded", "shutting_down", "storage_full"] as const),
      ...(["too_many_requests", "upload_not_open", "append_in_progress"] as const),
    ]) {
      expect(tusRefusalOf(new HoldfastError(code), "HEAD").status).toBe(423);
    }
  });
});
