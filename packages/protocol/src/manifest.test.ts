// Manifests: every vector byte for byte, by two implementations; what must be refused.
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leavesOf, sha256 } from "../scripts/vectors/hash.ts";
import { loadVectors } from "../scripts/vectors/load.ts";
import {
  type NaiveJson,
  naiveCanonicalJson,
  naiveRoot,
  naiveTree,
} from "../scripts/vectors/naive.ts";
import { refusalOf } from "../scripts/vectors/refusal.ts";
import type { Algorithm } from "./digest.ts";
import { decodeHex } from "./hex.ts";
import { decodeManifest, encodeManifest, type Manifest } from "./manifest.ts";
import { computeRoot } from "./tree.ts";

interface ManifestVector {
  readonly why: string;
  readonly text: string;
  readonly etag: string;
  readonly manifest: {
    readonly size: number;
    readonly partSize: number;
    readonly algorithm: Algorithm;
    readonly digests: string;
    readonly root: string;
    readonly name: string;
    readonly type: string;
    readonly encoding?: string;
    readonly sha256?: string;
    readonly metadata: readonly [string, string][];
    readonly provenance: {
      readonly createdAt: number;
      readonly completedAt: number;
      readonly protocol: string;
    };
  };
}

const vectors = loadVectors<{ good: ManifestVector[]; bad: { why: string; text: string }[] }>(
  "manifests.json",
);

function bytes(hex: string): Uint8Array {
  const decoded = decodeHex(hex);
  if (!decoded) throw new RangeError(hex);
  return decoded;
}

function manifestOf({ manifest }: ManifestVector): Manifest {
  const { sha256: whole, ...plain } = manifest;
  return {
    ...plain,
    digests: bytes(plain.digests),
    root: bytes(plain.root),
    metadata: new Map(plain.metadata),
    ...(whole === undefined ? {} : { sha256: bytes(whole) }),
  };
}

/** The manifest's text by the second implementation: nothing of it comes from the package. */
function naiveText({ manifest }: ManifestVector): string {
  const { metadata, provenance, digests, ...plain } = manifest;
  return naiveCanonicalJson(
    new Map<string, NaiveJson>([
      ...Object.entries(plain),
      ["version", 1],
      ["digests", Buffer.from(digests, "hex").toString("base64")],
      ["metadata", new Map(metadata)],
      ["provenance", new Map<string, NaiveJson>(Object.entries(provenance))],
    ]),
  );
}

describe("manifest", () => {
  it("is this text", () => {
    const leaves = {
      size: 0,
      partSize: 1048576,
      algorithm: "sha-256",
      digests: new Uint8Array(0),
    } as const;
    const manifest = {
      ...leaves,
      name: "é",
      type: "text/plain",
      metadata: new Map([
        ["b", "2"],
        ["a", "1"],
      ]),
      root: computeRoot(sha256, leaves),
      provenance: { protocol: "parts", completedAt: 2, createdAt: 1 },
    };
    expect(encodeManifest(manifest)).toBe(
      `{"algorithm":"sha-256","digests":"","metadata":{"a":"1","b":"2"},"name":"é","partSize":1048576,"provenance":{"completedAt":2,"createdAt":1,"protocol":"parts"},"root":"${naiveRoot(naiveTree([]), 1, 0, 1048576)}","size":0,"type":"text/plain","version":1}`,
    );
  });

  it.each(vectors.good)("byte for byte: $why", (vector) => {
    expect(encodeManifest(manifestOf(vector))).toBe(vector.text);
    expect(naiveText(vector)).toBe(vector.text);
    expect(decodeManifest(sha256, vector.text)).toEqual(manifestOf(vector));
    const digest = createHash("sha256").update(vector.text).digest("hex");
    expect(vector.etag).toBe(`"${digest}"`);
  });

  it.each(vectors.good)("has a root that follows from its digests: $why", ({ manifest }) => {
    const digests = Buffer.from(manifest.digests, "hex");
    const parts = Array.from({ length: digests.length / 32 }, (_, index) =>
      digests.subarray(index * 32, index * 32 + 32),
    );
    const number = manifest.algorithm === "sha-256" ? 1 : 2;
    expect(naiveRoot(naiveTree(parts), number, manifest.size, manifest.partSize)).toBe(
      manifest.root,
    );
  });

  it.each(vectors.bad)("refuses $why", ({ text }) => {
    expect(refusalOf(() => decodeManifest(sha256, text))?.code).toBe("invalid_request");
  });

  it("refuses nesting that is deeper than any stack", () => {
    const text = "[".repeat(500_000) + "]".repeat(500_000);
    expect(refusalOf(() => decodeManifest(sha256, text))?.code).toBe("invalid_request");
  });

  it("passes over members it does not know, as long as the text is canonical", () => {
    const [vector] = vectors.good;
    const text = vector?.text.replace('"version":1', '"version":1,"zebra":[1,{"a":null}]') ?? "";
    expect(decodeManifest(sha256, text).size).toBe(0);
  });

  it("holds 100,000 parts", () => {
    const leaves = leavesOf(100_000, 100_000 * 2 ** 20, 2 ** 20);
    const manifest: Manifest = {
      ...leaves,
      name: "big",
      type: "a/b",
      metadata: new Map(),
      root: computeRoot(sha256, leaves),
      provenance: { createdAt: 0, completedAt: 0, protocol: "parts" },
    };
    const text = encodeManifest(manifest);
    expect(text.length).toBeGreaterThan(4_266_000);
    expect(decodeManifest(sha256, text).digests).toEqual(leaves.digests);
  });

  it.each([
    ["parts larger than any store takes", 1, 6 * 2 ** 30, 2 ** 52, "has parts of more than"],
    ["a part as large as a store takes", 1, 5 * 2 ** 30, 5 * 2 ** 30, undefined],
    ["more parts than any upload has", 1_000_001, 1_000_001, 1, "has more than 1000000 parts"],
  ])("of %s is refused where that is too much", (_, count, size, partSize, why) => {
    const leaves = leavesOf(count, size, partSize);
    const manifest: Manifest = {
      ...leaves,
      name: "absurd",
      type: "a/b",
      metadata: new Map(),
      // What is refused for its grid is refused before a root is computed, which takes long.
      root: why === undefined ? computeRoot(sha256, leaves) : new Uint8Array(32),
      provenance: { createdAt: 0, completedAt: 0, protocol: "parts" },
    };
    const decode = () => decodeManifest(sha256, encodeManifest(manifest));
    if (why === undefined) expect(decode).not.toThrow();
    else
      expect(decode).toThrow(
        expect.objectContaining({ code: "invalid_request", message: expect.stringContaining(why) }),
      );
  });

  it("throws nothing but HoldfastErrors at anything", () => {
    const [vector] = vectors.good.slice(2);
    const text = vector?.text ?? "";
    const cut = fc.tuple(
      fc.nat(text.length),
      fc.nat(5),
      fc.string({ maxLength: 5, unit: "binary" }),
    );
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (anything) => {
        expect(refusalOf(() => decodeManifest(sha256, anything))).toBeDefined();
      }),
    );
    fc.assert(
      fc.property(cut, ([at, size, put]) => {
        const spoilt = text.slice(0, at) + put + text.slice(at + size);
        const refusal = refusalOf(() => {
          // What is taken all the same must be just as canonical.
          expect(encodeManifest(decodeManifest(sha256, spoilt))).toBe(spoilt);
        });
        expect(refusal?.code ?? "taken").toMatch(/^(invalid_request|taken)$/);
      }),
      { numRuns: 1000 },
    );
  });
});
