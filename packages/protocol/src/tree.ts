// The Merkle tree over part digests (shape of RFC 9162 section 2.1) and the root of a file.
import { ALGORITHMS, type Algorithm, DIGEST_SIZE, equalBytes } from "./digest.ts";
import { type Grid, partCount } from "./grid.ts";

/** SHA-256 of some bytes, 32 bytes. The platform gives it: this package has no code of its own for it. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

const ROOT_LABEL = new TextEncoder().encode("holdfast/1");

/** What a file is: its bytes on its grid. `digests` holds the part digests one after another. */
export interface Leaves extends Grid {
  readonly algorithm: Algorithm;
  readonly digests: Uint8Array;
}

function digestAt(digests: Uint8Array, index: number): Uint8Array {
  return digests.subarray(index * DIGEST_SIZE, (index + 1) * DIGEST_SIZE);
}

// A tree over 100,000 parts hashes 200,000 of these: they share one buffer each, since nothing runs in between.
const LEAF = new Uint8Array(1 + DIGEST_SIZE).fill(0, 0, 1);
const NODE = new Uint8Array(1 + 2 * DIGEST_SIZE).fill(1, 0, 1);

function hashLeaf(sha256: Sha256, digest: Uint8Array): Uint8Array {
  LEAF.set(digest, 1);
  return sha256(LEAF);
}

function hashNode(sha256: Sha256, left: Uint8Array, right: Uint8Array): Uint8Array {
  NODE.set(left, 1);
  NODE.set(right, 1 + DIGEST_SIZE);
  return sha256(NODE);
}

/** The largest power of two below `count`: where RFC 9162 splits a tree of that many leaves. */
function splitAt(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

/** Hash of the tree over the leaves `start` to `end` (exclusive). */
function hashTree(sha256: Sha256, digests: Uint8Array, start: number, end: number): Uint8Array {
  if (start === end) return sha256(new Uint8Array(0));
  if (end - start === 1) return hashLeaf(sha256, digestAt(digests, start));
  const middle = start + splitAt(end - start);
  return hashNode(
    sha256,
    hashTree(sha256, digests, start, middle),
    hashTree(sha256, digests, middle, end),
  );
}

/** `H(0x02 || "holdfast/1" || algorithm || size || partSize || tree)`: 32 bytes that name these bytes on this grid. */
export function computeRoot(sha256: Sha256, leaves: Leaves): Uint8Array {
  const count = requireDigests(leaves);
  return hashRoot(sha256, leaves, hashTree(sha256, leaves.digests, 0, count));
}

function hashRoot(
  sha256: Sha256,
  leaves: Grid & { readonly algorithm: Algorithm },
  tree: Uint8Array,
): Uint8Array {
  const numbers = new DataView(new ArrayBuffer(17));
  numbers.setUint8(0, ALGORITHMS[leaves.algorithm].number);
  numbers.setBigUint64(1, BigInt(leaves.size));
  numbers.setBigUint64(9, BigInt(leaves.partSize));
  return sha256(concat(Uint8Array.of(2), ROOT_LABEL, new Uint8Array(numbers.buffer), tree));
}

/** The sibling hashes from a part's leaf up to the top of the tree, lowest first (RFC 9162 section 2.1.3.1). */
export function proveInclusion(sha256: Sha256, leaves: Leaves, index: number): Uint8Array[] {
  const count = requireDigests(leaves);
  if (!isWhole(index) || index >= count) throw new RangeError(`no part ${index} in ${count}`);
  const proof: Uint8Array[] = [];
  let start = 0;
  let end = count;
  while (end - start > 1) {
    const middle = start + splitAt(end - start);
    const isLeft = index < middle;
    proof.unshift(
      isLeft
        ? hashTree(sha256, leaves.digests, middle, end)
        : hashTree(sha256, leaves.digests, start, middle),
    );
    if (isLeft) end = middle;
    else start = middle;
  }
  return proof;
}

/** What a proof is checked against: one part's digest and the grid it lies on. */
export interface Inclusion extends Grid {
  readonly algorithm: Algorithm;
  readonly index: number;
  readonly digest: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** Whether a part belongs to the file with this root (RFC 9162 section 2.1.3.2); false for whatever is malformed. */
export function verifyInclusion(sha256: Sha256, part: Inclusion, root: Uint8Array): boolean {
  if (!isWhole(part.size) || !isWhole(part.partSize) || part.partSize === 0) return false;
  const count = partCount(part);
  if (!isWhole(part.index) || part.index >= count) return false;
  if (![part.digest, ...part.proof].every((hash) => hash.length === DIGEST_SIZE)) return false;
  let node = part.index;
  let last = count - 1;
  let hash = hashLeaf(sha256, part.digest);
  for (const sibling of part.proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = hashNode(sha256, sibling, hash);
      while (node % 2 === 0 && node !== 0) {
        node = Math.floor(node / 2);
        last = Math.floor(last / 2);
      }
    } else {
      hash = hashNode(sha256, hash, sibling);
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && equalBytes(hashRoot(sha256, part, hash), root);
}

function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function requireDigests(leaves: Leaves): number {
  const count = partCount(leaves);
  if (leaves.digests.length !== count * DIGEST_SIZE) {
    throw new RangeError(
      `${count} parts need ${count * DIGEST_SIZE} bytes of digests, not ${leaves.digests.length}`,
    );
  }
  return count;
}

function concat(...pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
