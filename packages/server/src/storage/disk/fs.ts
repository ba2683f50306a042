// The port below the disk storage: the few calls whose order decides what survives a crash. A simulated disk sits here in tests.

import type { Outlet } from "@holdfast/engine";

/**
 * A file system. Every method rejects with an Error whose `code` is a POSIX name such as `ENOSPC`, and resolves when the kernel has answered.
 * None of them is durable in itself, but for what `fdatasync`, `fsyncDir` and `create-synced` say.
 */
export interface Fs {
  /**
   * `read`: for reading what exists. `write`: for reading and writing what exists. `create`: the same, made where there is nothing.
   * `create-synced`: the same as `create`, and what a `pwrite` has written is flushed, as by `fdatasync`, before it resolves.
   * With `caching: "direct"` bytes pass by the page cache; offsets, sizes and memory must then be aligned to 4 KiB. `exact` is for reading only, of what still grows: nothing comes into the page cache but whole pages of what is sent,
   * and `pread` gives what is there already; `EINVAL` where that is not to be had.
   */
  open(path: string, access: Access, caching: Caching): Promise<OpenFile>;
  /** Resolves when the names made and removed in a directory before the call survive power loss. */
  fsyncDir(path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** In one step, in place of what has that name; both directories are of one file system. */
  rename(from: string, to: string): Promise<void>;
  /** A directory may be there already. */
  mkdir(path: string): Promise<void>;
  /** Names in a directory. */
  list(path: string): Promise<readonly string[]>;
  statfs(path: string): Promise<{
    /** Bytes that this process may still write. */
    readonly available: number;
  }>;
}

export type Access = "read" | "write" | "create" | "create-synced";

export type Caching = "cached" | "direct" | "exact";

export interface OpenFile {
  /** This opening has made it: there was none of that name. Told for `create` only; false elsewhere. */
  readonly isNew: boolean;
  /** Fills `size` bytes of `into` from byte `start` of it; resolves with how many came: fewer at the end of the file, and now and then elsewhere. */
  pread(into: Uint8Array, start: number, size: number, offset: number): Promise<number>;
  /** Lets the kernel send up to `size` bytes from `offset` on to a connection; resolves with how many it took, or undefined where they are not to be had without waiting, or not in this way. */
  send(outlet: Outlet, offset: number, size: number): Promise<number | undefined>;
  /** Writes pieces of memory one after another from `offset` on, in one call; resolves with how many bytes went: fewer than all now and then. */
  pwrite(pieces: readonly Uint8Array[], offset: number): Promise<number>;
  /**
   * Resolves when the bytes written before the call, and the size that makes them readable, survive power loss.
   * After a rejection they may be lost although the next call resolves.
   */
  fdatasync(): Promise<void>;
  truncate(size: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** What offsets, sizes and memory of direct I/O are multiples of, in bytes. Disks ask for 512 or 4,096. */
export const ALIGNMENT = 4096;

/** The POSIX name of a failure of the port, if it is one. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
