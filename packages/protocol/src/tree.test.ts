// Roots and proofs: every vector, by two implementations that share no code.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestsOf, sha256 } from "../scripts/vectors/hash.ts";
import { loadVectors } from "../scripts/vectors/load.ts";
import { type NaiveTree, naiveDigests, naiveRoot, naiveTree } from "../scripts/vectors/naive.ts";
import { ALGORITHMS, type Algorithm } from "./digest.ts";
import { decodeHex, encodeHex } from "./hex.ts";
import { computeRoot, type Inclusion, proveInclusion, verifyInclusion } from "./tree.ts";

interface ProofVector {
  readonly partCount: number;
  readonly size: number;
  readonly partSize: number;
  readonly index: number;
  readonly digest: string;
  readonly proof: readonly string[];
  readonly root: string;
  readonly why?: string;
}

const { roots } = loadVectors<{
  roots: {
    partCount: number;
    size: number;
    partSize: number;
    algorithm: Algorithm;
    root: string;
  }[];
}>("roots.json");
const proofs = loadVectors<{ good: ProofVector[]; bad: ProofVector[] }>("proofs.json");

function bytes(hex: string): Uint8Array {
  const decoded = decodeHex(hex);
  if (!decoded) throw new RangeError(hex);
  return decoded;
}

function inclusionOf(vector: ProofVector): Inclusion {
  const { size, partSize, index } = vector;
  const proof = vector.proof.map(bytes);
  return { size, partSize, index, algorithm: "sha-256", digest: bytes(vector.digest), proof };
}

const made = new Map<number, { readonly digests: Uint8Array; readonly naive: NaiveTree }>();

/** Digests, and the tree over them by the implementation that shares no code with ours: of 100,000 parts there are several vectors. */
function leavesOf(partCount: number) {
  const leaves = made.get(partCount) ?? {
    digests: digestsOf(partCount),
    naive: naiveTree(naiveDigests(partCount)),
  };
  made.set(partCount, leaves);
  return leaves;
}

describe("computeRoot", () => {
  it.each(roots)("$partCount parts, $size bytes, $algorithm", (vector) => {
    const { partCount, size, partSize, algorithm, root } = vector;
    const { digests, naive } = leavesOf(partCount);
    expect(encodeHex(computeRoot(sha256, { size, partSize, algorithm, digests }))).toBe(root);
    const number = algorithm === "sha-256" ? 1 : 2;
    expect(naiveRoot(naive, number, size, partSize)).toBe(root);
  });

  it("has vectors for the counts that matter", () => {
    const counts = new Set(roots.map(({ partCount }) => partCount));
    expect([0, 1, 2, 3, 7, 8, 100_000].every((count) => counts.has(count))).toBe(true);
    expect(new Set(roots.map(({ algorithm }) => algorithm))).toEqual(
      new Set(Object.keys(ALGORITHMS)),
    );
  });

  it("agrees with the second implementation for every count up to 130", () => {
    const all = naiveDigests(130);
    for (let count = 0; count <= 130; count++) {
      const leaves = { size: count, partSize: 1, digests: digestsOf(count) };
      const root = encodeHex(computeRoot(sha256, { ...leaves, algorithm: "sha-256" }));
      expect(root).toBe(naiveRoot(naiveTree(all.slice(0, count)), 1, count, 1));
    }
  });

  it("names bytes and grid: each number in it changes it", () => {
    const leaves = { size: 7, partSize: 4, digests: digestsOf(2) };
    const all = [
      computeRoot(sha256, { ...leaves, algorithm: "sha-256" }),
      computeRoot(sha256, { ...leaves, algorithm: "blake3" }),
      computeRoot(sha256, { ...leaves, size: 8, algorithm: "sha-256" }),
      computeRoot(sha256, { ...leaves, partSize: 5, algorithm: "sha-256" }),
    ].map(encodeHex);
    expect(new Set(all).size).toBe(all.length);
  });

  it("asserts that there is one digest a part", () => {
    const leaves = { size: 7, partSize: 4, algorithm: "sha-256", digests: digestsOf(3) } as const;
    expect(() => computeRoot(sha256, leaves)).toThrow(RangeError);
  });
});

describe("inclusion", () => {
  it.each(proofs.good)("part $index of $partCount", (vector) => {
    const { size, partSize, partCount, index, root } = vector;
    const { digests, naive } = leavesOf(partCount);
    const leaves = { size, partSize, digests, algorithm: "sha-256" } as const;
    expect(proveInclusion(sha256, leaves, index).map(encodeHex)).toEqual(vector.proof);
    expect(naive.path(index).map((hash) => hash.toString("hex"))).toEqual(vector.proof);
    expect(verifyInclusion(sha256, inclusionOf(vector), bytes(root))).toBe(true);
  });

  it.each(proofs.bad)("refuses $why", (vector) => {
    expect(verifyInclusion(sha256, inclusionOf(vector), bytes(vector.root))).toBe(false);
  });

  it("refuses an empty digest even right after the true one was hashed", () => {
    const [vector] = proofs.good;
    if (!vector) throw new RangeError("no vector");
    const part = inclusionOf(vector);
    const root = bytes(vector.root);
    expect(verifyInclusion(sha256, part, root)).toBe(true);
    expect(verifyInclusion(sha256, { ...part, digest: new Uint8Array(0) }, root)).toBe(false);
  });

  it("holds for every part of every small tree, and for no other part, digest or root", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 70 }),
        fc.nat(),
        fc.nat(),
        fc.nat(255),
        (count, a, b, bit) => {
          const grid = { size: count * 3 - 1, partSize: 3, algorithm: "sha-256" } as const;
          const digests = digestsOf(count);
          const leaves = { ...grid, digests };
          const root = computeRoot(sha256, leaves);
          const [index, other] = [a % count, b % count];
          const digest = digests.slice(index * 32, index * 32 + 32);
          const proof = proveInclusion(sha256, leaves, index);
          const part = { ...grid, index, digest, proof };
          expect(verifyInclusion(sha256, part, root)).toBe(true);
          expect(verifyInclusion(sha256, { ...part, index: other }, root)).toBe(other === index);
          const spoilt = (whole: Uint8Array) =>
            whole.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
          expect(verifyInclusion(sha256, { ...part, digest: spoilt(digest) }, root)).toBe(false);
          expect(verifyInclusion(sha256, part, spoilt(root))).toBe(false);
          const longer = [...proof, digest];
          expect(verifyInclusion(sha256, { ...part, proof: longer }, root)).toBe(false);
          if (proof.length > 0)
            expect(verifyInclusion(sha256, { ...part, proof: proof.map(spoilt) }, root)).toBe(
              false,
            );
        },
      ),
    );
  });

  it.each([-1, 3, 0.5, Number.NaN])("asserts that there is a part %d to prove", (index) => {
    const leaves = { size: 3, partSize: 1, algorithm: "sha-256", digests: digestsOf(3) } as const;
    expect(() => proveInclusion(sha256, leaves, index)).toThrow(RangeError);
  });
});
