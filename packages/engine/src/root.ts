// The root of an upload: whole subtrees are hashed as their parts are committed, so that completing a large upload has little left to do.
import { createTree, DIGEST_SIZE, hashRoot, partCount, type Sha256 } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import { requireAllParts, type Upload } from "./upload.ts";

/** Parts whose subtree is remembered by its hash alone: a power of two, and a multiple of 8. */
const SUBTREE_PARTS = 64;
/** Parts hashed in one go: some 3 ms. Then everybody else has a turn. */
const SLICE_PARTS = 512;

/**
 * The root over all parts. A large one that was not hashed yet takes its time in slices; where parts are withdrawn meanwhile it begins again.
 *
 * @throws HoldfastError `parts_missing` with `details.missing`
 */
export async function rootOf(context: Context, upload: Upload): Promise<Uint8Array> {
  while (!upload.root) {
    requireAllParts(upload);
    const { record } = upload;
    const root = hashRoot(context.digests.sha256, record, await hashParts(context, upload));
    if (record.epoch === upload.record.epoch) upload.root = root;
  }
  return upload.root;
}

async function hashParts(context: Context, upload: Upload): Promise<Uint8Array> {
  const { sha256 } = context.digests;
  const tree = createTree(sha256);
  const count = partCount(upload.record);
  let hashed = 0;
  for (let start = 0; start < count; start += SUBTREE_PARTS) {
    const known = upload.subtrees.get(start / SUBTREE_PARTS);
    const end = Math.min(start + SUBTREE_PARTS, count);
    if (known) {
      tree.addSubtree(known, SUBTREE_PARTS);
      continue;
    }
    for (let index = start; index < end; index++) tree.add(digestAt(upload, index));
    hashed += end - start;
    if (hashed % SLICE_PARTS === 0) await pause(context);
  }
  return tree.end().hash;
}

/** Told of each committed part: the last one of a subtree brings its hash. */
export function noteCommitted(upload: Upload, index: number, sha256: Sha256): void {
  const subtree = Math.floor(index / SUBTREE_PARTS);
  const start = subtree * SUBTREE_PARTS;
  const bits = upload.committed.bits.subarray(start / 8, (start + SUBTREE_PARTS) / 8);
  if (bits.length < SUBTREE_PARTS / 8 || upload.subtrees.has(subtree)) return;
  if (bits.some((byte) => byte !== 0xff)) return;
  const tree = createTree(sha256);
  for (let at = start; at < start + SUBTREE_PARTS; at++) tree.add(digestAt(upload, at));
  upload.subtrees.set(subtree, tree.end().hash);
}

/** Told of each part that is taken back. */
export function noteWithdrawn(upload: Upload, index: number): void {
  upload.subtrees.delete(Math.floor(index / SUBTREE_PARTS));
  delete upload.root;
}

/** Lets everybody else have a turn. */
export function pause({ clock }: Context): Promise<void> {
  return new Promise((resolve) => clock.after(0, resolve));
}

function digestAt({ digests }: Upload, index: number): Uint8Array {
  return digests.subarray(index * DIGEST_SIZE, (index + 1) * DIGEST_SIZE);
}
