// What a power loss may leave behind: one random image of the many that are legal.
import type { SeededRandom } from "../random.ts";
import {
  applyChange,
  applyName,
  BLOCK_SIZE,
  blockAt,
  cloneView,
  type DiskState,
  type Inode,
  SECTOR_SIZE,
  setSize,
  type View,
} from "./disk-state.ts";

/** Turns a disk into what is found after the power has come back: everything that was not flushed is decided by `random`, and nothing is pending any more. */
export function losePower(disk: DiskState, random: SeededRandom): void {
  // A careful kernel and a careless one are both legal: whole images of either kind come up too.
  const keep = [0, 0.25, 0.5, 0.75, 1][random.whole(5)] ?? 0.5;
  for (const name of disk.pendingNames) {
    if (random.chance(keep)) applyName(disk.durableNames, name);
  }
  disk.pendingNames = [];
  disk.names.clear();
  for (const [path, inode] of disk.durableNames) disk.names.set(path, inode);
  const named = new Set(disk.names.values());
  for (const [number, inode] of disk.inodes) {
    if (named.has(number)) disk.inodes.set(number, survivor(inode, random, keep));
    else disk.inodes.delete(number);
  }
}

function survivor(inode: Inode, random: SeededRandom, keep: number): Inode {
  const view = cloneView(inode.durable);
  // The journal keeps sizes in order: some number of them happened, the later ones did not.
  const sizes = inode.pending.filter((change) => change.kind === "size").length;
  let sizesLeft = pickCount(random, sizes, keep);
  for (const change of inode.pending) {
    if (change.kind === "size") {
      if (sizesLeft-- > 0) applyChange(view, change);
    } else if (random.chance(keep)) {
      applyChange(view, change);
    } else if (random.chance(TORN)) {
      view.blocks.set(change.index, torn(blockAt(view, change.index), change.content, random));
    }
  }
  cutToSize(view);
  return { shown: view, durable: cloneView(view), pending: [], openCount: 0 };
}

/** How many of the blocks that are not kept whole are kept in part. */
const TORN = 0.25;

function pickCount(random: SeededRandom, count: number, keep: number): number {
  if (keep === 0 || keep === 1) return count * keep;
  return random.whole(count + 1);
}

/** Disks write sectors whole; a block of eight may come out mixed. */
function torn(before: Uint8Array, after: Uint8Array, random: SeededRandom): Uint8Array {
  const mixed = before.slice();
  for (let at = 0; at < BLOCK_SIZE; at += SECTOR_SIZE) {
    if (random.chance(0.5)) mixed.set(after.subarray(at, at + SECTOR_SIZE), at);
  }
  return mixed;
}

/** Blocks that reached the medium while the size that would show them did not are free space. */
function cutToSize(view: View): void {
  setSize(view, view.size);
}
