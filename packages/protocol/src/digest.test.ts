// Digest fields: every vector, round trips.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadVectors } from "../scripts/vectors/load.ts";
import { refusalOf } from "../scripts/vectors/refusal.ts";
import {
  decodeDigest,
  decodePartDigests,
  encodeDigest,
  encodePartDigests,
  equalBytes,
  isAlgorithm,
  wantsDigest,
} from "./digest.ts";
import { encodeHex } from "./hex.ts";

const vectors = loadVectors<{
  contentDigest: { good: { field: string; digest: string }[]; bad: { field: string }[] };
  partDigest: { good: { field: string; digests: string[] }[]; bad: { field: string }[] };
}>("digests.json");

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe("Content-Digest", () => {
  it.each(vectors.contentDigest.good)("takes $field", ({ field, digest }) => {
    expect(encodeHex(decodeDigest(field, "sha-256"))).toBe(digest);
  });

  it.each(vectors.contentDigest.bad)("refuses $field", ({ field }) => {
    expect(refusalOf(() => decodeDigest(field, "sha-256"))?.code).toBe("invalid_digest");
  });

  it("comes back as it was written, among other members", () => {
    fc.assert(
      fc.property(digest, digest, (a, b) => {
        const field = `${encodeDigest("blake3", a)}, ${encodeDigest("sha-256", b)}`;
        expect(decodeDigest(field, "sha-256")).toEqual(b);
        expect(decodeDigest(field, "blake3")).toEqual(a);
      }),
    );
  });
});

describe("Part-Digest", () => {
  it.each(vectors.partDigest.good)("takes $field", ({ field, digests }) => {
    expect(decodePartDigests(field, "sha-256").map(encodeHex)).toEqual(digests);
  });

  it.each(vectors.partDigest.bad)("refuses $field", ({ field }) => {
    expect(refusalOf(() => decodePartDigests(field, "sha-256"))?.code).toBe("invalid_digest");
  });

  it("comes back as it was written, up to 64 digests", () => {
    fc.assert(
      fc.property(fc.array(digest, { maxLength: 64 }), (digests) => {
        const field = encodePartDigests("sha-256", digests);
        expect(decodePartDigests(field, "sha-256")).toEqual(digests);
      }),
    );
  });
});

describe("a digest that is wanted", () => {
  it.each([
    ["sha-256=10", true],
    ["sha-512=3, sha-256=1", true],
    ["sha-256=5;q=1", true],
    ["sha-256=0", false],
    ["sha-256", false],
    ["sha-256=11", false],
    ["sha-512=10", false],
    ["", false],
    [undefined, false],
  ])("%s: %s", (field, isWanted) => {
    expect(wantsDigest(field, "sha-256")).toBe(isWanted);
  });
});

describe("digests", () => {
  it("knows its algorithms, and nothing that only looks like one", () => {
    expect(["sha-256", "blake3"].every(isAlgorithm)).toBe(true);
    expect(["md5", "constructor", "__proto__", "", 1, null].some(isAlgorithm)).toBe(false);
  });

  it("compares every byte and the size", () => {
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false);
  });
});
