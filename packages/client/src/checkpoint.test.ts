import { uploadId } from "@holdfast/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkpointKey, decodeCheckpoint, encodeCheckpoint } from "./checkpoint.ts";
import { systemDigester } from "./node/platform.ts";

const CHECKPOINT = {
  server: "http://127.0.0.1:8420",
  uploadId: uploadId(new Uint8Array(16).fill(7)),
  fingerprint: {
    size: 5_000_000_000,
    mtimeMs: 1_760_000_000_123.456,
    ctimeMs: 1_760_000_000_124.5,
    ino: 7,
  },
  partSize: 1_048_576,
  createdAt: 1_760_000_000_500,
};
const TEXT = encodeCheckpoint(systemDigester, CHECKPOINT);
const decode = (text: string) => decodeCheckpoint(systemDigester, text);

/** The text of a body with the right digest. */
function signed(body: object): string {
  const text = JSON.stringify(body);
  const digest = Buffer.from(systemDigester.sha256(Buffer.from(text))).toString("hex");
  return `${digest} ${text}`;
}
const BODY = JSON.parse(TEXT.slice(65));

describe("a checkpoint", () => {
  it("reads back as it was", () => {
    expect(decode(TEXT)).toEqual(CHECKPOINT);
    expect(decode(signed(BODY))).toEqual(CHECKPOINT);
  });

  it("is ignored when it is torn anywhere", () => {
    for (let size = 0; size < TEXT.length; size++) {
      expect(decode(TEXT.slice(0, size))).toBeUndefined();
      expect(decode(TEXT.slice(0, size).padEnd(TEXT.length, "\0"))).toBeUndefined();
    }
  });

  it("is ignored when any bit is flipped", () => {
    const bytes = Buffer.from(TEXT);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decode(flipped.toString("latin1"))).toBeUndefined();
    }
  });

  it.each([
    ["of an older version", { version: 1 }],
    ["of a newer version", { version: 3 }],
    ["without a version", { version: undefined }],
    ["without an upload", { uploadId: undefined }],
    ["with a malformed id", { uploadId: "../../etc/passwd" }],
    ["without a server", { server: 5 }],
    ["with a negative size", { size: -1 }],
    ["with a size that is text", { size: "5" }],
    ["with a part size of 0", { partSize: 0 }],
    ["without a time of change", { mtimeMs: undefined }],
    ["with a time of change that is none", { mtimeMs: "yesterday" }],
    ["without the time of the last touch", { ctimeMs: undefined }],
    ["with a time of the last touch that is none", { ctimeMs: "12 o'clock" }],
    ["without a file number", { ino: 7 }],
    ["without a time of creation", { createdAt: null }],
  ])("is ignored when it is %s, its digest being right", (_, change) => {
    expect(decode(signed({ ...BODY, ...change }))).toBeUndefined();
  });

  it("is ignored when it is anything else", () => {
    expect(decode(signed([1, 2]))).toBeUndefined();
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(decode(text)).toBeUndefined();
      }),
    );
  });
});

describe("a checkpoint's key", () => {
  it("differs by server and by source", () => {
    const keys = [
      ["upload", "http://a", "/x"],
      ["upload", "http://b", "/x"],
      ["upload", "http://a", "/y"],
      ["download", "/x"],
    ].map((parts) => checkpointKey(systemDigester, ...parts));
    expect(new Set(keys).size).toBe(4);
    expect(keys[0]).toMatch(/^[0-9a-f]{64}$/);
  });
});
