// The simulated disk below the Fs port: everything a file system may do to a program that is not careful, from one seed.
//
// The model. A file has a shown image (what ordinary reads see), a durable image (what is left after power loss whatever happens) and, between them, the
// list of changes that no fdatasync has covered: blocks of 4 KiB and sizes. Names have the same: made and removed at once, durable by fsyncDir of their
// directory only; fdatasync of a file says nothing of its name. A flush covers what had happened when it was asked for, not what happens while it runs.
//
// `crash` gives one legal image after power loss. Each block not flushed is kept, dropped, or torn between sectors of 512 bytes; of the changes of size some
// first ones are kept; each name not flushed is kept or dropped; what was under way may have happened or not. Flushed things are always there.
// `kill` gives what a new process finds after kill -9: the kernel lives on, so nothing that had happened is lost, and nothing has become durable by it.
//
// An operation is asked for, waits until the schedule lets it happen, happens at once, and then its promise resolves. The hook sees each one when it is
// asked for and may let it fail, let it be short, or stop the world around it. After a stop no operation ever ends, as for a process that is dead.
//
// A failed fdatasync is Linux's: the blocks it covered count as clean and never reach the medium, the next fdatasync resolves all the same, ordinary reads
// still show what was written through the cache, direct reads show what the medium has.
import type { Caching, Fs, OpenFile } from "@holdfast/server/storage/disk";
import { createRandom } from "../random.ts";
import { losePower } from "./disk-crash.ts";
import {
  BLOCK_SIZE,
  changeSize,
  cloneDisk,
  createDisk,
  createName,
  type DiskState,
  flushInode,
  flushNames,
  type Inode,
  inodeOf,
  loseInode,
  loseNames,
  mediumView,
  readView,
  removeName,
  usedBytes,
  writeBytes,
} from "./disk-state.ts";
import { createSeededSchedule, type Schedule } from "./schedule.ts";

export interface Operation {
  /** Counts from 1. */
  readonly number: number;
  readonly kind:
    | "open"
    | "pread"
    | "pwrite"
    | "fdatasync"
    | "truncate"
    | "size"
    | "close"
    | "fsyncDir"
    | "unlink"
    | "statfs";
  readonly path: string;
  readonly offset?: number;
  readonly size?: number;
}

/** What becomes of an operation. */
export type Fate =
  | { readonly kind: "done" }
  /** It does not happen; a failed fdatasync or fsyncDir loses what it was to make durable. */
  | { readonly kind: "failed"; readonly errno: string }
  /** A pread or pwrite of fewer bytes. */
  | { readonly kind: "short"; readonly size: number }
  /** The world stops before it is asked for, while it is under way, or when it has happened and nobody was told. */
  | { readonly kind: "stopped"; readonly when: "before" | "during" | "after" };

export interface SimFsOptions {
  readonly schedule?: Schedule;
  readonly onOperation?: (operation: Operation) => Fate | undefined;
  /** False: opening with direct I/O fails with EINVAL, as on file systems without it. Where there is some, it takes aligned requests only. */
  readonly hasDirectIo?: boolean;
  /** Bytes that fit before ENOSPC. */
  readonly capacity?: number;
}

export interface SimFs extends Fs {
  /** One legal disk after power loss now; the seed picks which. The disk itself is left as it is, so many images of one moment can be looked at. */
  crash(seed: string | number, options?: SimFsOptions): SimFs;
  /** The disk as a new process finds it after kill -9 now. */
  kill(seed: string | number, options?: SimFsOptions): SimFs;
  /** From now on no operation ends. */
  stop(): void;
  /** Resolves when the world has stopped. */
  readonly stopped: Promise<void>;
  /** Operations asked for so far. */
  operations(): number;
  openFiles(): number;
  /** Every name, sorted. */
  names(): readonly string[];
  /** Damage at rest: one bit of a byte of a file, for every reader. */
  flipBit(path: string, offset: number): void;
}

export function createSimFs(options: SimFsOptions = {}): SimFs {
  return simFsOn(createDisk(), options);
}

type Effect<T> = (disk: DiskState) => T;

function simFsOn(disk: DiskState, options: SimFsOptions): SimFs {
  const { onOperation, hasDirectIo = true, capacity = Number.MAX_SAFE_INTEGER } = options;
  const schedule = options.schedule ?? createSeededSchedule(0);
  const underWay = new Set<Effect<unknown>>();
  const { promise: stopped, resolve: tellStopped } = Promise.withResolvers<void>();
  let isStopped = false;
  let count = 0;

  const stop = () => {
    isStopped = true;
    tellStopped();
  };

  const perform = <T>(
    what: Omit<Operation, "number">,
    effect: Effect<T>,
    change: {
      readonly failed?: Effect<unknown>;
      readonly short?: (size: number) => Effect<T>;
    } = {},
  ): Promise<T> => {
    if (isStopped) return new Promise(() => undefined);
    count++;
    const fate = onOperation?.({ number: count, ...what }) ?? { kind: "done" };
    if (fate.kind === "stopped" && fate.when === "before") stop();
    if (isStopped) return new Promise(() => undefined);
    const happens: Effect<T> =
      fate.kind === "failed"
        ? (on) => {
            change.failed?.(on);
            throw errnoError(fate.errno, what);
          }
        : fate.kind === "short" && change.short
          ? change.short(fate.size)
          : effect;
    underWay.add(happens);
    if (fate.kind === "stopped" && fate.when === "during") stop();
    return new Promise((resolve, reject) => {
      schedule(() => {
        if (isStopped) return;
        underWay.delete(happens);
        try {
          const result = happens(disk);
          if (fate.kind === "stopped") stop();
          else resolve(result);
        } catch (error) {
          if (fate.kind === "stopped") stop();
          else reject(error);
        }
      });
    });
  };

  const requireRoom = (on: DiskState, path: string, inode: Inode, offset: number, size: number) => {
    const { blocks } = inode.shown;
    let added = 0;
    for (let at = Math.floor(offset / BLOCK_SIZE); at * BLOCK_SIZE < offset + size; at++) {
      if (!blocks.has(at)) added += BLOCK_SIZE;
    }
    if (added > 0 && usedBytes(on) + added > capacity) {
      throw errnoError("ENOSPC", { kind: "pwrite", path });
    }
  };

  const openFile = (
    path: string,
    number: number,
    caching: Caching,
    canWrite: boolean,
  ): OpenFile => {
    let isOpen = true;
    const isDirect = caching === "direct";
    const require = (kind: Operation["kind"], isLegal: boolean, errno: string) => {
      if (!isOpen) throw errnoError("EBADF", { kind, path });
      if (!isLegal) throw errnoError(errno, { kind, path });
    };
    const isAligned = (memory: Uint8Array, ...values: readonly number[]) =>
      !isDirect || [memory.byteOffset, ...values].every((value) => value % BLOCK_SIZE === 0);
    return {
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
      async pwrite(from, start, size, offset) {
        require("pwrite", canWrite, "EBADF");
        const writeUpTo =
          (most: number): Effect<number> =>
          (on) => {
            require("pwrite", isAligned(from, start, size, offset), "EINVAL");
            const inode = inodeOf(on, number);
            const taken = Math.min(size, most);
            requireRoom(on, path, inode, offset, taken);
            writeBytes(on, inode, from.subarray(start, start + taken), offset, isDirect);
            return taken;
          };
        return perform({ kind: "pwrite", path, offset, size }, writeUpTo(size), {
          short: writeUpTo,
        });
      },
      async fdatasync() {
        require("fdatasync", true, "");
        const upTo = disk.changes;
        return perform({ kind: "fdatasync", path }, (on) => flushInode(inodeOf(on, number), upTo), {
          failed: (on) => loseInode(inodeOf(on, number), upTo),
        });
      },
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
  };

  const offspring = (random: ReturnType<typeof createRandom>): DiskState => {
    const copy = cloneDisk(disk);
    for (const effect of shuffled([...underWay], random)) {
      if (random.chance(0.5)) tryEffect(effect, copy);
    }
    return copy;
  };

  return {
    async open(path, access, caching) {
      return perform({ kind: "open", path }, (on) => {
        if (caching === "direct" && !hasDirectIo)
          throw errnoError("EINVAL", { kind: "open", path });
        const known = on.names.get(path);
        if (known === undefined && access !== "create") {
          throw errnoError("ENOENT", { kind: "open", path });
        }
        const number = known ?? createName(on, path);
        inodeOf(on, number).openCount++;
        return openFile(path, number, caching, access !== "read");
      });
    },
    async unlink(path) {
      return perform({ kind: "unlink", path }, (on) => {
        if (!on.names.has(path)) throw errnoError("ENOENT", { kind: "unlink", path });
        removeName(on, path);
      });
    },
    async fsyncDir(path) {
      const upTo = disk.changes;
      return perform({ kind: "fsyncDir", path }, (on) => flushNames(on, path, upTo), {
        failed: (on) => loseNames(on, path, upTo),
      });
    },
    async statfs(path) {
      return perform({ kind: "statfs", path }, (on) => ({
        available: Math.max(0, capacity - usedBytes(on)),
      }));
    },
    crash(seed, next = {}) {
      const random = createRandom(`crash/${seed}`);
      const copy = offspring(random);
      losePower(copy, random);
      return simFsOn(copy, { hasDirectIo, capacity, ...next });
    },
    kill(seed, next = {}) {
      const copy = offspring(createRandom(`kill/${seed}`));
      for (const inode of copy.inodes.values()) inode.openCount = 0;
      return simFsOn(copy, { hasDirectIo, capacity, ...next });
    },
    stop,
    stopped,
    operations: () => count,
    openFiles: () => [...disk.inodes.values()].reduce((sum, { openCount }) => sum + openCount, 0),
    names: () => [...disk.names.keys()].sort(),
    flipBit(path, offset) {
      const inode = inodeOf(disk, disk.names.get(path) ?? -1);
      flipBitOf(inode, offset);
    },
  };
}

function flipBitOf(inode: Inode, offset: number): void {
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

function tryEffect(effect: Effect<unknown>, disk: DiskState): void {
  try {
    effect(disk);
  } catch (error) {
    // What would have failed has not happened; anything else is a fault of the simulator.
    if (!(error instanceof Error && "code" in error)) throw error;
  }
}

function shuffled<T>(items: T[], random: ReturnType<typeof createRandom>): T[] {
  for (let at = items.length - 1; at > 0; at--) {
    const [item] = items.splice(random.whole(at + 1), 1);
    if (item !== undefined) items.push(item);
  }
  return items;
}

function errnoError(errno: string, { kind, path }: { kind: string; path: string }): Error {
  return Object.assign(new Error(`${errno}: ${kind} '${path}'`), { code: errno });
}
