// Vectors of roots and inclusion proofs.
import { computeRoot, encodeHex, type Leaves, proveInclusion } from "../../src/index.ts";
import { digestOf, leavesOf, MIB, sha256 } from "./hash.ts";

const COUNTS = [0, 1, 2, 3, 4, 5, 7, 8, 9, 64, 100_000];

/** One byte short of full, so that the last part is the shorter one. */
function sizeOf(count: number): number {
  return Math.max(0, count * MIB - 1);
}

function rootOf(leaves: Leaves, partCount: number): object {
  const { size, partSize, algorithm } = leaves;
  return { partCount, size, partSize, algorithm, root: encodeHex(computeRoot(sha256, leaves)) };
}

export const roots: object = {
  about:
    "The root of partCount parts; the digest of part i is SHA-256 of i as 8 bytes, big-endian, whatever the algorithm says. leaf = H(0x00 || digest), node = H(0x01 || left || right), tree shape of RFC 9162 section 2.1, empty tree H(''); root = H(0x02 || 'holdfast/1' || u8 algorithm || u64be size || u64be partSize || tree), algorithm 1 for sha-256 and 2 for blake3.",
  roots: [
    ...COUNTS.map((count) => rootOf(leavesOf(count, sizeOf(count), MIB), count)),
    rootOf(leavesOf(3, 3 * MIB, MIB), 3),
    rootOf(leavesOf(3, 3 * MIB, MIB, "blake3"), 3),
    rootOf(leavesOf(3, 3 * MIB, MIB + 256 * 1024), 3),
    rootOf(leavesOf(0, 0, 8 * MIB), 0),
    rootOf(leavesOf(1, 2 ** 32, 2 ** 32), 1),
  ],
};

interface Proof {
  readonly partCount: number;
  readonly size: number;
  readonly partSize: number;
  readonly index: number;
  readonly digest: string;
  readonly proof: readonly string[];
  readonly root: string;
}

function proofsOf(count: number, indexes: readonly number[]): Proof[] {
  const leaves = leavesOf(count, sizeOf(count), MIB);
  const root = encodeHex(computeRoot(sha256, leaves));
  return indexes.map((index) => ({
    partCount: count,
    size: leaves.size,
    partSize: leaves.partSize,
    index,
    digest: encodeHex(digestOf(index)),
    proof: proveInclusion(sha256, leaves, index).map(encodeHex),
    root,
  }));
}

const good: readonly Proof[] = [
  ...proofsOf(1, [0]),
  ...proofsOf(2, [0, 1]),
  ...proofsOf(3, [0, 1, 2]),
  ...proofsOf(7, [0, 3, 5, 6]),
  ...proofsOf(8, [0, 7]),
  ...proofsOf(100_000, [0, 65_535, 65_536, 99_999]),
];

function spoil(why: string, change: (proof: Proof) => Partial<Proof>, from = 3): object {
  const [proof] = proofsOf(7, [from]);
  if (!proof) throw new RangeError("no proof to spoil");
  return { ...proof, ...change(proof), why };
}

const ZEROS = "00".repeat(32);

const bad = [
  spoil("another digest", () => ({ digest: ZEROS })),
  spoil("another index", () => ({ index: 2 })),
  spoil("an index beyond the grid", () => ({ index: 7 })),
  spoil("a negative index", () => ({ index: -1 })),
  spoil("an index that is not whole", () => ({ index: 3.5 })),
  spoil("another root", () => ({ root: ZEROS })),
  spoil("a root of 31 bytes", ({ root }) => ({ root: root.slice(2) })),
  spoil("no proof", () => ({ proof: [] })),
  spoil("the last hash missing", ({ proof }) => ({ proof: proof.slice(0, -1) })),
  spoil("a hash too many", ({ proof }) => ({ proof: [...proof, ZEROS] })),
  spoil("a wrong hash", ({ proof }) => ({ proof: [ZEROS, ...proof.slice(1)] })),
  spoil("hashes the other way round", ({ proof }) => ({ proof: proof.toReversed() })),
  spoil("a hash of 31 bytes", ({ proof }) => ({ proof: proof.map((hash) => hash.slice(2)) })),
  spoil("a hash of 33 bytes", ({ proof }) => ({ proof: proof.map((hash) => `${hash}00`) })),
  spoil("an empty digest", () => ({ digest: "" })),
  spoil("a digest of 33 bytes", ({ digest }) => ({ digest: `${digest}00` })),
  spoil("another size", ({ size }) => ({ size: size - 1 })),
  spoil("another part size", () => ({ partSize: MIB + 1 })),
  spoil("a part size of 0", () => ({ partSize: 0 })),
  spoil("a negative size", () => ({ size: -1 })),
  spoil("the last part, one hash too many", ({ proof }) => ({ proof: [...proof, ZEROS] }), 6),
];

export const proofs: object = {
  about:
    "Inclusion proofs, lowest sibling first (RFC 9162 section 2.1.3), for sha-256; digests as in roots.json. Every bad one must fail without an exception.",
  good,
  bad,
};
