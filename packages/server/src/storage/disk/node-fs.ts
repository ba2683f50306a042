// The real file system, by the callbacks of node:fs: per call they cost less than its promises.
import {
  close,
  closeSync,
  constants,
  fdatasync,
  fstat,
  fstatSync,
  fsync,
  ftruncate,
  mkdir,
  open,
  read,
  readdir,
  readv,
  rename,
  statfs,
  statSync,
  unlink,
  write,
  writev,
} from "node:fs";
import { cachedFile, exactFile, pageCacheOf } from "./cached-file.ts";
import { type Access, type Caching, errnoOf, type Fs, type OpenFile } from "./fs.ts";

/** Bytes of uploads are nobody's business but the server's. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

export const nodeFs: Fs = {
  async open(path, access, caching) {
    const flags = ACCESS_FLAGS[access] | cachingFlags(caching);
    if (access === "create-synced") return syncedFile(await openDescriptor(path, flags));
    if (caching === "exact") return openExact(path, flags);
    if (access === "read" && caching === "cached") {
      const fd = await openDescriptor(path, flags);
      return cachedFile(openFile(fd, false), fd);
    }
    if (access !== "create") return openFile(await openDescriptor(path, flags), false);
    try {
      return openFile(await openDescriptor(path, flags | constants.O_EXCL), true);
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    }
    // Where it has been removed meanwhile it is made now, and counts as one that was there.
    return openFile(await openDescriptor(path, flags), false);
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

  rename: (from, to) => settle((done) => rename(from, to, done)),

  mkdir: (path) =>
    new Promise((resolve, reject) => {
      const options = { recursive: true, mode: DIRECTORY_MODE } as const;
      mkdir(path, options, (error) => (error ? reject(error) : resolve()));
    }),

  list: (path) =>
    new Promise((resolve, reject) => {
      readdir(path, (error, names) => (error ? reject(error) : resolve(names)));
    }),

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
  "create-synced": constants.O_RDWR | constants.O_CREAT | syncedFlag(),
} satisfies Readonly<Record<Access, number>>;

/** A write and its flush in one call. Only Linux is known to mean it: on macOS it does not reach the disk. */
function syncedFlag(): number {
  return process.platform === "linux" ? constants.O_DSYNC : 0;
}

function cachingFlags(caching: Caching): number {
  if (caching !== "direct") return 0;
  // The flag is missing where the platform has no direct I/O; the kernel says EINVAL where the file system has none.
  const { O_DIRECT } = constants;
  return O_DIRECT ?? refuse("EINVAL: this platform has no direct I/O");
}

function refuse(message: string): never {
  throw Object.assign(new Error(message), { code: "EINVAL" });
}

async function openExact(path: string, flags: number): Promise<OpenFile> {
  const cache = pageCacheOf() ?? refuse("EINVAL: there is no way to the page cache");
  const fd = await openDescriptor(path, flags);
  const file = openFile(fd, false);
  try {
    if (!cache.readNothingAhead(fd)) refuse("EINVAL: the system reads ahead");
    return exactFile(file, fd, cache, (pieces, at) =>
      settleCount((done) => readv(fd, pieces, at, done)),
    );
  } catch (error) {
    await file.close();
    throw error;
  }
}

function openDescriptor(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    open(path, flags, FILE_MODE, (error, fd) => (error ? reject(error) : resolve(fd)));
  });
}

function openFile(fd: number, isNew: boolean): OpenFile {
  return {
    isNew,
    pread: (into, start, size, offset) =>
      settleCount((done) => read(fd, into, start, size, offset, done)),
    pwrite: (pieces, offset) =>
      settleCount((done) => {
        const [only] = pieces;
        if (only && pieces.length === 1) write(fd, only, 0, only.length, offset, done);
        else writev(fd, pieces, offset, done);
      }),
    send: async () => undefined,
    fdatasync: () => settle((done) => fdatasync(fd, done)),
    truncate: (size) => settle((done) => ftruncate(fd, size, done)),
    size: () =>
      new Promise((resolve, reject) => {
        fstat(fd, (error, stats) => (error ? reject(error) : resolve(stats.size)));
      }),
    close: () => settle((done) => close(fd, done)),
  };
}

function syncedFile(fd: number): OpenFile {
  const file = openFile(fd, false);
  return {
    ...file,
    async pwrite(pieces, offset) {
      const count = await file.pwrite(pieces, offset);
      if (syncedFlag() === 0) await file.fdatasync();
      return count;
    },
    // Nothing is left to be done for what is on the disk already: this waits for nobody, and a turn of a thread costs more.
    async close() {
      closeSync(fd);
    },
  };
}

/**
 * The same file system with the descriptor of one directory kept, so that a flush of it is one call.
 * Where something else has been put in its place meanwhile, that is what names go to, and what is flushed: a look at a name that is in use costs some microseconds.
 */
export async function keepDirectory(
  path: string,
): Promise<{ readonly fs: Fs; readonly letGo: () => Promise<void> }> {
  if (process.platform === "win32") return { fs: nodeFs, letGo: () => Promise.resolve() };
  const fd = await openDescriptor(path, constants.O_RDONLY);
  const kept = fstatSync(fd);
  const fsyncDir: Fs["fsyncDir"] = async (at) => {
    const now = at === path ? statSync(path, { throwIfNoEntry: false }) : undefined;
    const isKept = now?.ino === kept.ino && now.dev === kept.dev;
    await (isKept ? settle((done) => fsync(fd, done)) : nodeFs.fsyncDir(at));
  };
  return { fs: { ...nodeFs, fsyncDir }, letGo: () => settle((done) => close(fd, done)) };
}

function settle(call: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => (error ? reject(error) : resolve()));
  });
}

function settleCount(
  call: (done: (error: Error | null, count: number) => void) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    call((error, count) => (error ? reject(error) : resolve(count)));
  });
}
