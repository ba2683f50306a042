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

/** A tree that grows leaf by leaf, in memory for one path only: so that a large one can be made in slices, or while its digests are read. */
export interface Tree {
  /** The next part's digest. */
  add(digest: Uint8Array): void;
  /** The next parts at once, by the hash over them: a power of two of them, at a multiple of it. */
  addSubtree(hash: Uint8Array, leaves: number): void;
  /** The top of the tree, and the path to it from the part that was asked for, lowest first. Nothing may be added afterwards. */
  end(): { readonly hash: Uint8Array; readonly proof: Uint8Array[] };
}

/** A whole subtree, and whether the part whose path is asked for is in it. */
interface Subtree {
  readonly hash: Uint8Array;
  readonly leaves: number;
  readonly isOnPath: boolean;
}

/**
 * RFC 9162 splits at the largest power of two below the number of leaves: so whole subtrees of equal size join as they come, and what is left at
 * the end joins from the right.
 *
 * @param path The part whose path `end` tells; it must be added by itself.
 */
export function createTree(sha256: Sha256, path?: number): Tree {
  const subtrees: Subtree[] = [];
  const proof: Uint8Array[] = [];
  let count = 0;

  function join(left: Subtree, right: Subtree): Subtree {
    if (left.isOnPath) proof.push(right.hash);
    if (right.isOnPath) proof.push(left.hash);
    const isOnPath = left.isOnPath || right.isOnPath;
    const hash = hashNode(sha256, left.hash, right.hash);
    return { hash, leaves: left.leaves + right.leaves, isOnPath };
  }
  function push(hash: Uint8Array, leaves: number): void {
    let subtree: Subtree = { hash, leaves, isOnPath: leaves === 1 && count === path };
    count += leaves;
    for (let left = subtrees.at(-1); left?.leaves === subtree.leaves; left = subtrees.at(-1)) {
      subtrees.pop();
      subtree = join(left, subtree);
    }
    subtrees.push(subtree);
  }
  return {
    add: (digest) => push(hashLeaf(sha256, digest), 1),
    addSubtree: push,
    end() {
      let top = subtrees.pop();
      if (!top) return { hash: sha256(new Uint8Array(0)), proof };
      for (let left = subtrees.pop(); left; left = subtrees.pop()) top = join(left, top);
      return { hash: top.hash, proof };
    },
  };
}

function treeOver(sha256: Sha256, leaves: Leaves, path?: number): ReturnType<Tree["end"]> {
  const tree = createTree(sha256, path);
  const count = requireDigests(leaves);
  for (let index = 0; index < count; index++) tree.add(digestAt(leaves.digests, index));
  return tree.end();
}

/** `H(0x02 || "holdfast/1" || algorithm || size || partSize || tree)`: 32 bytes that name these bytes on this grid. */
export function computeRoot(sha256: Sha256, leaves: Leaves): Uint8Array {
  return hashRoot(sha256, leaves, treeOver(sha256, leaves).hash);
}

/** The root of a file by the top of the tree over its parts. */
export function hashRoot(
  sha256: Sha256,
  grid: Grid & { readonly algorithm: Algorithm },
  tree: Uint8Array,
): Uint8Array {
  const numbers = new DataView(new ArrayBuffer(17));
  numbers.setUint8(0, ALGORITHMS[grid.algorithm].number);
  numbers.setBigUint64(1, BigInt(grid.size));
  numbers.setBigUint64(9, BigInt(grid.partSize));
  return sha256(concat(Uint8Array.of(2), ROOT_LABEL, new Uint8Array(numbers.buffer), tree));
}

/** The sibling hashes from a part's leaf up to the top of the tree, lowest first (RFC 9162 section 2.1.3.1). */
export function proveInclusion(sha256: Sha256, leaves: Leaves, index: number): Uint8Array[] {
  const count = partCount(leaves);
  if (!isWhole(index) || index >= count) throw new RangeError(`no part ${index} in ${count}`);
  return treeOver(sha256, leaves, index).proof;
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
