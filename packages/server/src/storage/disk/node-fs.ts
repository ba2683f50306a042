// The real file system, by the callbacks of node:fs: per call they cost less than its promises.
import {
  close,
  constants,
  fdatasync,
  fstat,
  fsync,
  ftruncate,
  open,
  read,
  statfs,
  unlink,
  write,
  writev,
} from "node:fs";
import type { Caching, Fs, OpenFile } from "./fs.ts";

/** Bytes of uploads are nobody's business but the server's. */
const FILE_MODE = 0o600;

export const nodeFs: Fs = {
  async open(path, access, caching) {
    return openFile(await openDescriptor(path, ACCESS_FLAGS[access] | cachingFlags(caching)));
  },

  async fsyncDir(path) {
    // Windows cannot flush a directory and does not need to: NTFS journals names with the file.
    if (process.platform === "win32") return;
    const fd = await openDescriptor(path, constants.O_RDONLY);
    try {
      await settle((done) => fsync(fd, done));
    } finally {
      await settle((done) => close(fd, done));
    }
  },

  unlink: (path) => settle((done) => unlink(path, done)),

  statfs: (path) =>
    new Promise((resolve, reject) => {
      statfs(path, (error, stats) =>
        error ? reject(error) : resolve({ available: stats.bavail * stats.bsize }),
      );
    }),
};

const ACCESS_FLAGS = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT,
} as const;

function cachingFlags(caching: Caching): number {
  if (caching === "cached") return 0;
  // The flag is missing where the platform has no direct I/O; the kernel says EINVAL where the file system has none.
  const { O_DIRECT } = constants;
  if (O_DIRECT === undefined) {
    throw Object.assign(new Error("EINVAL: this platform has no direct I/O"), { code: "EINVAL" });
  }
  return O_DIRECT;
}

function openDescriptor(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    open(path, flags, FILE_MODE, (error, fd) => (error ? reject(error) : resolve(fd)));
  });
}

function openFile(fd: number): OpenFile {
  return {
    pread: (into, start, size, offset) =>
      new Promise((resolve, reject) => {
        read(fd, into, start, size, offset, (error, count) =>
          error ? reject(error) : resolve(count),
        );
      }),
    pwrite: (pieces, offset) =>
      new Promise((resolve, reject) => {
        const done = (error: Error | null, count: number) =>
          error ? reject(error) : resolve(count);
        const [only] = pieces;
        if (only && pieces.length === 1) write(fd, only, 0, only.length, offset, done);
        else writev(fd, pieces, offset, done);
      }),
    fdatasync: () => settle((done) => fdatasync(fd, done)),
    truncate: (size) => settle((done) => ftruncate(fd, size, done)),
    size: () =>
      new Promise((resolve, reject) => {
        fstat(fd, (error, stats) => (error ? reject(error) : resolve(stats.size)));
      }),
    close: () => settle((done) => close(fd, done)),
  };
}

function settle(call: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => (error ? reject(error) : resolve()));
  });
}
