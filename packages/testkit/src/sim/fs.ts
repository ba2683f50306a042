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
// A failed fdatasync is Linux's: the blocks that were dirty when it happened count as clean and never reach the medium, the next fdatasync resolves all the
// same, ordinary reads still show what was written through the cache, direct reads show what the medium has. Names and fsyncDir are alike. What is lost is
// more than what a success would have covered: what came between the asking and the happening is lost too.
import type { Fs } from "@holdfast/server/storage/disk";
import { createRandom, type SeededRandom } from "../random.ts";
import { losePower } from "./disk-crash.ts";
import {
  cloneDisk,
  createDisk,
  createName,
  type DiskState,
  describeDisk,
  directoryOf,
  flipBit,
  flushNames,
  inodeOf,
  loseNames,
  moveName,
  removeName,
  usedBytes,
} from "./disk-state.ts";
import { openSimFile } from "./file.ts";
import { fingerprint } from "./fingerprint.ts";
import {
  type Effect,
  errnoError,
  type Fate,
  type Operation,
  type Perform,
  type Variants,
} from "./operation.ts";
import { createSeededSchedule, type Schedule } from "./schedule.ts";

export type { Fate, Operation } from "./operation.ts";

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
  /** The same for disks that nobody can tell apart, now or later, as long as nothing is under way. */
  fingerprint(): string;
  /** Every name, sorted. */
  names(): readonly string[];
  /** Damage at rest: one bit of a byte of a file, for every reader. */
  flipBit(path: string, offset: number): void;
}

export function createSimFs(options: SimFsOptions = {}): SimFs {
  return simFsOn(createDisk(), options);
}

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

  const perform: Perform = <T>(
    what: Omit<Operation, "number">,
    effect: Effect<T>,
    variants: Variants<T> = {},
  ): Promise<T> => {
    if (isStopped) return new Promise(() => undefined);
    count++;
    const fate = onOperation?.({ number: count, ...what }) ?? { kind: "done" };
    if (fate.kind === "stopped" && fate.when === "before") stop();
    if (isStopped) return new Promise(() => undefined);
    const happens: Effect<T> =
      fate.kind === "failed"
        ? (on) => {
            variants.failed?.(on);
            throw errnoError(fate.errno, what);
          }
        : fate.kind === "short" && variants.short
          ? variants.short(fate.size)
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

  const offspring = (random: SeededRandom): DiskState => {
    const copy = cloneDisk(disk);
    for (const effect of shuffled([...underWay], random)) {
      if (random.chance(0.5)) tryEffect(effect, copy);
    }
    return copy;
  };

  return {
    async open(path, access, caching) {
      // It has no page cache that a kernel could send from.
      if (caching === "exact") throw errnoError("EINVAL", { kind: "open", path });
      return perform({ kind: "open", path, caching }, (on) => {
        if (caching === "direct" && !hasDirectIo)
          throw errnoError("EINVAL", { kind: "open", path });
        const known = on.names.get(path);
        if (known === undefined && !access.startsWith("create")) {
          throw errnoError("ENOENT", { kind: "open", path });
        }
        const number = known ?? createName(on, path);
        inodeOf(on, number).openCount++;
        return openSimFile({
          path,
          number,
          isNew: known === undefined && access === "create",
          isDirect: caching === "direct",
          canWrite: access !== "read",
          isSynced: access === "create-synced",
          capacity,
          perform,
          changes: () => disk.changes,
        });
      });
    },
    async unlink(path) {
      return perform({ kind: "unlink", path }, (on) => {
        if (!on.names.has(path)) throw errnoError("ENOENT", { kind: "unlink", path });
        removeName(on, path);
      });
    },
    async rename(from, to) {
      return perform({ kind: "rename", path: from }, (on) => {
        if (!moveName(on, from, to)) throw errnoError("ENOENT", { kind: "rename", path: from });
      });
    },
    async mkdir(path) {
      // Directories are there as soon as something is in them.
      return perform({ kind: "mkdir", path }, () => undefined);
    },
    async list(path) {
      return perform({ kind: "list", path }, (on) =>
        [...on.names.keys()]
          .filter((name) => directoryOf(name) === path)
          .map((name) => name.slice(path.length + 1)),
      );
    },
    async fsyncDir(path) {
      const upTo = disk.changes;
      return perform({ kind: "fsyncDir", path }, (on) => flushNames(on, path, upTo), {
        failed: (on) => loseNames(on, path, on.changes),
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
    fingerprint: () => fingerprint(describeDisk(disk)),
    names: () => [...disk.names.keys()].sort(),
    flipBit(path, offset) {
      const inode = inodeOf(disk, disk.names.get(path) ?? -1);
      flipBit(inode, offset);
    },
  };
}

function tryEffect(effect: Effect<unknown>, disk: DiskState): void {
  try {
    effect(disk);
  } catch (error) {
    // What would have failed has not happened; anything else is a fault of the simulator.
    if (!(error instanceof Error && "code" in error)) throw error;
  }
}

function shuffled<T>(items: T[], random: SeededRandom): T[] {
  for (let at = items.length - 1; at > 0; at--) {
    const [item] = items.splice(random.whole(at + 1), 1);
    if (item !== undefined) items.push(item);
  }
  return items;
}
