// An open file of the simulated disk.
import type { OpenFile } from "@holdfast/server/storage/disk";
import {
  BLOCK_SIZE,
  changeSize,
  type DiskState,
  flushInode,
  type Inode,
  inodeOf,
  loseInode,
  mediumView,
  readView,
  usedBytes,
  writeBytes,
} from "./disk-state.ts";
import { type Effect, errnoError, type Operation, type Perform } from "./operation.ts";

export interface SimOpening {
  readonly path: string;
  /** The inode. */
  readonly number: number;
  readonly isNew: boolean;
  readonly isDirect: boolean;
  readonly canWrite: boolean;
  /** Each write is followed by a flush before it resolves: two operations here, since power may fail between the two. */
  readonly isSynced: boolean;
  /** Bytes that fit on the disk. */
  readonly capacity: number;
  readonly perform: Perform;
  /** Number of the disk's last change. */
  readonly changes: () => number;
}

export function openSimFile(opening: SimOpening): OpenFile {
  const { path, number, isNew, isDirect, canWrite, isSynced, perform, changes } = opening;
  let isOpen = true;
  const require = (kind: Operation["kind"], isLegal: boolean, errno: string) => {
    if (!isOpen) throw errnoError("EBADF", { kind, path });
    if (!isLegal) throw errnoError(errno, { kind, path });
  };
  const isAligned = (memory: Uint8Array, ...values: readonly number[]) =>
    !isDirect || [memory.byteOffset, ...values].every((value) => value % BLOCK_SIZE === 0);
  async function flush(): Promise<void> {
    require("fdatasync", true, "");
    const upTo = changes();
    await perform({ kind: "fdatasync", path }, (on) => flushInode(inodeOf(on, number), upTo), {
      failed: (on) => loseInode(inodeOf(on, number), on.changes),
    });
  }

  return {
    isNew,
    async pread(into, start, size, offset) {
      const readUpTo =
        (most: number): Effect<number> =>
        (on) => {
          require("pread", isAligned(into, start, size, offset), "EINVAL");
          const inode = inodeOf(on, number);
          const view = isDirect ? mediumView(inode) : inode.shown;
          return readView(view, offset, into.subarray(start, start + Math.min(size, most)));
        };
      return perform({ kind: "pread", path, offset, size }, readUpTo(size), { short: readUpTo });
    },
    // Its bytes are nowhere that a kernel knows of.
    send: async () => undefined,
    async pwrite(pieces, offset) {
      require("pwrite", canWrite, "EBADF");
      const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
      const writeUpTo =
        (most: number): Effect<number> =>
        (on) => {
          const isLegal = pieces.every((piece) => isAligned(piece, piece.length, offset));
          require("pwrite", isLegal, "EINVAL");
          const inode = inodeOf(on, number);
          const bytes = joined(pieces).subarray(0, most);
          requireRoom(on, opening, inode, offset, bytes.length);
          writeBytes(on, inode, bytes, offset, isDirect);
          return bytes.length;
        };
      const count = await perform({ kind: "pwrite", path, offset, size }, writeUpTo(size), {
        short: writeUpTo,
      });
      if (isSynced) await flush();
      return count;
    },
    fdatasync: flush,
    async truncate(size) {
      require("truncate", canWrite, "EINVAL");
      return perform({ kind: "truncate", path, size }, (on) =>
        changeSize(on, inodeOf(on, number), size),
      );
    },
    async size() {
      require("size", true, "");
      return perform({ kind: "size", path }, (on) => inodeOf(on, number).shown.size);
    },
    async close() {
      require("close", true, "");
      // Closed is closed, even where close reports a failure.
      isOpen = false;
      const closes = (on: DiskState) => {
        inodeOf(on, number).openCount--;
      };
      return perform({ kind: "close", path }, closes, { failed: closes });
    },
  };
}

function requireRoom(
  on: DiskState,
  { path, capacity }: SimOpening,
  inode: Inode,
  offset: number,
  size: number,
): void {
  let added = 0;
  for (let at = Math.floor(offset / BLOCK_SIZE); at * BLOCK_SIZE < offset + size; at++) {
    if (!inode.shown.blocks.has(at)) added += BLOCK_SIZE;
  }
  if (added > 0 && usedBytes(on) + added > capacity) {
    throw errnoError("ENOSPC", { kind: "pwrite", path });
  }
}

/** What the pieces hold at this moment, one after another. */
function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
