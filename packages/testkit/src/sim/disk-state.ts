// A simulated disk as data: what the kernel shows, what survives power loss for certain, and what lies between.

export const BLOCK_SIZE = 4096;
export const SECTOR_SIZE = 512;

/** Bytes of a file: blocks that are never changed in place, so that images share them. A block that is missing is zeros. */
export interface View {
  readonly blocks: Map<number, Uint8Array>;
  size: number;
}

/** A change to a file that no flush has covered. `number` counts changes over the whole disk. */
export type PendingChange =
  | {
      readonly kind: "block";
      readonly number: number;
      readonly index: number;
      readonly content: Uint8Array;
      readonly isDirect: boolean;
    }
  | { readonly kind: "size"; readonly number: number; readonly size: number };

export interface Inode {
  /** What ordinary reads see. */
  readonly shown: View;
  /** What is left after power loss, whatever else happens. */
  readonly durable: View;
  /** In the order in which they were made. */
  pending: PendingChange[];
  openCount: number;
}

export interface PendingName {
  readonly number: number;
  readonly path: string;
  /** Undefined where the name was removed. */
  readonly inode: number | undefined;
  /** Where the file had another name before: that one goes with the same change. */
  readonly from?: string;
}

export interface DiskState {
  readonly inodes: Map<number, Inode>;
  readonly names: Map<string, number>;
  readonly durableNames: Map<string, number>;
  pendingNames: PendingName[];
  /** Changes so far; the next one gets the next number. */
  changes: number;
}

export function createDisk(): DiskState {
  return {
    inodes: new Map(),
    names: new Map(),
    durableNames: new Map(),
    pendingNames: [],
    changes: 0,
  };
}

export function cloneDisk(disk: DiskState): DiskState {
  const inodes = new Map<number, Inode>();
  for (const [number, inode] of disk.inodes) {
    inodes.set(number, {
      shown: cloneView(inode.shown),
      durable: cloneView(inode.durable),
      pending: [...inode.pending],
      openCount: inode.openCount,
    });
  }
  return {
    inodes,
    names: new Map(disk.names),
    durableNames: new Map(disk.durableNames),
    pendingNames: [...disk.pendingNames],
    changes: disk.changes,
  };
}

export function cloneView(view: View): View {
  return { blocks: new Map(view.blocks), size: view.size };
}

export function inodeOf(disk: DiskState, number: number): Inode {
  const inode = disk.inodes.get(number);
  if (!inode) throw new RangeError(`no inode ${number}`);
  return inode;
}

export function createName(disk: DiskState, path: string): number {
  const inode = ++disk.changes;
  disk.inodes.set(inode, {
    shown: { blocks: new Map(), size: 0 },
    durable: { blocks: new Map(), size: 0 },
    pending: [],
    openCount: 0,
  });
  disk.names.set(path, inode);
  disk.pendingNames.push({ number: ++disk.changes, path, inode });
  return inode;
}

export function removeName(disk: DiskState, path: string): void {
  disk.names.delete(path);
  disk.pendingNames.push({ number: ++disk.changes, path, inode: undefined });
}

/** One change, in two directories perhaps: it survives as a whole or not at all. */
export function moveName(disk: DiskState, from: string, path: string): boolean {
  const inode = disk.names.get(from);
  if (inode === undefined) return false;
  disk.names.delete(from);
  disk.names.set(path, inode);
  disk.pendingNames.push({ number: ++disk.changes, path, inode, from });
  return true;
}

export function writeBytes(
  disk: DiskState,
  inode: Inode,
  bytes: Uint8Array,
  offset: number,
  isDirect: boolean,
): void {
  const end = offset + bytes.length;
  for (let index = Math.floor(offset / BLOCK_SIZE); index * BLOCK_SIZE < end; index++) {
    const start = index * BLOCK_SIZE;
    const content = new Uint8Array(BLOCK_SIZE);
    content.set(blockAt(inode.shown, index));
    const from = Math.max(start, offset);
    content.set(
      bytes.subarray(from - offset, Math.min(start + BLOCK_SIZE, end) - offset),
      from - start,
    );
    inode.shown.blocks.set(index, content);
    inode.pending.push({ kind: "block", number: ++disk.changes, index, content, isDirect });
  }
  if (end > inode.shown.size) changeSize(disk, inode, end);
}

export function changeSize(disk: DiskState, inode: Inode, size: number): void {
  setSize(inode.shown, size);
  inode.pending.push({ kind: "size", number: ++disk.changes, size });
}

/** Makes a change part of a view. */
export function applyChange(view: View, change: PendingChange): void {
  if (change.kind === "block") view.blocks.set(change.index, change.content);
  else setSize(view, change.size);
}

/** What is behind a smaller size is gone: it comes back as zeros. */
export function setSize(view: View, size: number): void {
  view.size = size;
  const last = Math.floor(size / BLOCK_SIZE);
  for (const index of view.blocks.keys()) if (index > last) view.blocks.delete(index);
  const content = view.blocks.get(last);
  if (!content) return;
  const cut = new Uint8Array(BLOCK_SIZE);
  cut.set(content.subarray(0, size - last * BLOCK_SIZE));
  view.blocks.set(last, cut);
}

const ZEROS = new Uint8Array(BLOCK_SIZE);

export function blockAt(view: View, index: number): Uint8Array {
  return view.blocks.get(index) ?? ZEROS;
}

/** Fills `into` from byte `offset` of a view; returns how many bytes there were. */
export function readView(view: View, offset: number, into: Uint8Array): number {
  const end = Math.min(offset + into.length, view.size);
  for (let at = offset; at < end; ) {
    const index = Math.floor(at / BLOCK_SIZE);
    const stop = Math.min((index + 1) * BLOCK_SIZE, end);
    const start = index * BLOCK_SIZE;
    into.set(blockAt(view, index).subarray(at - start, stop - start), at - offset);
    at = stop;
  }
  return Math.max(0, end - offset);
}

/** What the medium has once the kernel has written everything back that it still holds: what a direct read sees. */
export function mediumView(inode: Inode): View {
  const view = cloneView(inode.durable);
  for (const change of inode.pending) applyChange(view, change);
  return view;
}

/** Everything up to change `upTo` survives power loss from now on. */
export function flushInode(inode: Inode, upTo: number): void {
  for (const change of inode.pending) {
    if (change.number <= upTo) applyChange(inode.durable, change);
  }
  inode.pending = inode.pending.filter((change) => change.number > upTo);
}

/**
 * A failed write-back as Linux does it: the pages count as clean, so no later flush writes them, and the medium keeps what it had.
 * Ordinary reads go on showing them; what was written past the cache is not even shown.
 */
export function loseInode(inode: Inode, upTo: number): void {
  const lost = inode.pending.filter((change) => change.kind === "block" && change.number <= upTo);
  inode.pending = inode.pending.filter((change) => !lost.includes(change));
  for (const change of lost) {
    if (change.kind !== "block" || !change.isDirect) continue;
    const before = inode.durable.blocks.get(change.index);
    if (before) inode.shown.blocks.set(change.index, before);
    else inode.shown.blocks.delete(change.index);
  }
}

export function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** The names of a directory up to change `upTo` survive power loss from now on. */
export function flushNames(disk: DiskState, directory: string, upTo: number): void {
  for (const name of disk.pendingNames) {
    if (isCovered(name, directory, upTo)) applyName(disk.durableNames, name);
  }
  loseNames(disk, directory, upTo);
}

/** After a failed flush of a directory: what it covered will never be durable. */
export function loseNames(disk: DiskState, directory: string, upTo: number): void {
  disk.pendingNames = disk.pendingNames.filter((name) => !isCovered(name, directory, upTo));
}

function isCovered({ number, path, from }: PendingName, directory: string, upTo: number): boolean {
  const isThere = directoryOf(path) === directory;
  return number <= upTo && (isThere || (from !== undefined && directoryOf(from) === directory));
}

export function applyName(names: Map<string, number>, { path, inode, from }: PendingName): void {
  if (from !== undefined) names.delete(from);
  if (inode === undefined) names.delete(path);
  else names.set(path, inode);
}

/** Bytes in use, by names or by open files. */
export function usedBytes(disk: DiskState): number {
  const named = new Set(disk.names.values());
  let used = 0;
  for (const [number, { shown, openCount }] of disk.inodes) {
    if (openCount > 0 || named.has(number)) used += shown.blocks.size * BLOCK_SIZE;
  }
  return used;
}

/**
 * The same for disks whose readers, and whose later crashes, cannot be told apart. Inodes nobody can reach any more are left out, numbers stand for nothing but an order.
 */
export function describeDisk(disk: DiskState): unknown {
  const reachable = new Set([...disk.names.values(), ...disk.durableNames.values()]);
  for (const { inode } of disk.pendingNames) if (inode !== undefined) reachable.add(inode);
  const inodes = [...disk.inodes].filter(
    ([at, { openCount }]) => openCount > 0 || reachable.has(at),
  );
  const order = new Map(inodes.map(([number], at) => [number, at]));
  const named = (names: DiskState["names"]) =>
    [...names].map(([path, number]) => [path, order.get(number)]);
  return {
    names: named(disk.names),
    durableNames: named(disk.durableNames),
    pendingNames: disk.pendingNames.map(({ path, inode, from }) => [
      path,
      inode === undefined ? inode : order.get(inode),
      from,
    ]),
    inodes: inodes.map(([, { shown, durable, pending, openCount }]) => ({
      shown: describeView(shown),
      durable: isSameView(shown, durable) ? "as shown" : describeView(durable),
      pending: pending.map(({ number: _, ...change }) => change),
      openCount,
    })),
  };
}

function isSameView(one: View, other: View): boolean {
  if (one.size !== other.size || one.blocks.size !== other.blocks.size) return false;
  for (const [index, content] of one.blocks) if (other.blocks.get(index) !== content) return false;
  return true;
}

function describeView({ size, blocks }: View): unknown {
  return { size, blocks: [...blocks].toSorted(([one], [other]) => one - other) };
}

/** Damage at rest: one bit of one byte, whoever reads. */
export function flipBit(inode: Inode, offset: number): void {
  const index = Math.floor(offset / BLOCK_SIZE);
  const damaged = (content: Uint8Array): Uint8Array => {
    const copy = content.slice();
    copy[offset % BLOCK_SIZE] = (copy[offset % BLOCK_SIZE] ?? 0) ^ 1;
    return copy;
  };
  for (const { blocks } of [inode.shown, inode.durable]) {
    const content = blocks.get(index);
    if (content) blocks.set(index, damaged(content));
  }
  inode.pending = inode.pending.map((change) =>
    change.kind === "block" && change.index === index
      ? { ...change, content: damaged(change.content) }
      : change,
  );
}
