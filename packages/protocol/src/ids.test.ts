// Ids: every vector, no bit lost.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadVectors } from "../scripts/vectors/load.ts";
import { decodeHex } from "./hex.ts";
import { encodeId, fileId, isFileId, isUploadId, uploadId } from "./ids.ts";

const vectors = loadVectors<{
  good: { random: string; id: string }[];
  bad: { text: string; why: string }[];
}>("ids.json");

describe("ids", () => {
  it.each(vectors.good)("$random is $id", ({ random, id }) => {
    const bytes = decodeHex(random) ?? new Uint8Array(0);
    expect(encodeId(bytes)).toBe(id);
    expect(uploadId(bytes)).toBe(id);
    expect(fileId(bytes)).toBe(id);
    expect(isUploadId(id) && isFileId(id)).toBe(true);
  });

  it.each(vectors.bad)("$text is none: $why", ({ text }) => {
    expect(isUploadId(text)).toBe(false);
    expect(isFileId(text)).toBe(false);
  });

  it("keeps all 128 bits", () => {
    const LETTERS = "abcdefghijklmnopqrstuvwxyz234567";
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (random) => {
        const id = encodeId(random);
        expect(isUploadId(id)).toBe(true);
        let bits = 0n;
        for (const letter of id) bits = (bits << 5n) | BigInt(LETTERS.indexOf(letter));
        let expected = 0n;
        for (const byte of random) expected = (expected << 8n) | BigInt(byte);
        expect(bits >> 2n).toBe(expected);
      }),
    );
  });

  it("uses 16 bytes, and refuses to make a weak id of fewer", () => {
    expect(encodeId(new Uint8Array(20))).toBe(encodeId(new Uint8Array(16)));
    expect(() => encodeId(new Uint8Array(15))).toThrow(RangeError);
  });
});
