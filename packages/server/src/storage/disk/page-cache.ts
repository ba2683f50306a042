// What the kernel's page cache has: copied at once or sent to a connection by the kernel itself. To hand a read to another thread and wait for its answer costs several times what the copy does, and what is never copied costs least.

/** Calls that never wait for a disk. Descriptors are those of open files, and must not be closed before a call returns. */
export interface PageCache {
  /** How many bytes from `offset` on went into `into`; 0 where they would have to be waited for, and at the end of the file. */
  read(fd: number, into: Uint8Array, start: number, size: number, offset: number): number;
  /** How many bytes from `offset` on the socket took, 0 where it is full or gone; undefined where they would have to be waited for. */
  send(fd: number, socket: number, offset: number, size: number): number | undefined;
}

/** Where `struct iovec` and `off_t` are as they are written here. */
const PLATFORMS: ReadonlySet<string> = new Set(["linux x64", "linux arm64"]);
/** preadv2(2): give what is there, never wait. */
const RWF_NOWAIT = 8;
/** cachestat(2) has one number everywhere; libc has no name for it yet. */
const SYS_CACHESTAT = 451n;

/**
 * Node has none of these calls: they are libc's, by `node:ffi` (docs/adr/0028). Undefined where that is not to be had (an older Node, another platform, the permission model,
 * `--no-experimental-ffi`): everything works without it.
 */
export function openPageCache(): PageCache | undefined {
  if (!PLATFORMS.has(`${process.platform} ${process.arch}`)) return undefined;
  try {
    return bind(quietly(() => process.getBuiltinModule("node:ffi")));
  } catch {
    return undefined;
  }
}

/** A host would be warned of an experiment that it can do nothing about, and that is none for whoever uses us. */
function quietly<Result>(load: () => Result): Result {
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}

function bind(ffi: typeof import("node:ffi")): PageCache {
  const { getpagesize, preadv2, sendfile, syscall } = ffi.dlopen(null, {
    getpagesize: { return: "int32", arguments: [] },
    preadv2: { return: "int64", arguments: ["int32", "pointer", "int32", "int64", "int32"] },
    sendfile: { return: "int64", arguments: ["int32", "int32", "pointer", "uint64"] },
    syscall: { return: "int64", arguments: ["int64", "int32", "pointer", "pointer", "uint32"] },
  }).functions;
  // 4 KiB, and on arm64 16 or 64 as well, as its kernel was built: of those there are fewer.
  const page = getpagesize();
  const iovec = new BigUint64Array(2);
  const range = new BigUint64Array(2);
  /** Pages in the cache, dirty ones, and three more numbers. */
  const stat = new BigUint64Array(5);
  const from = new BigInt64Array(1);
  const byte = new Uint8Array(1);

  function read(fd: number, into: Uint8Array, start: number, size: number, offset: number): number {
    iovec[0] = ffi.getRawPointer(into) + BigInt(start);
    iovec[1] = BigInt(size);
    return Math.max(0, Number(preadv2(fd, iovec, 1, BigInt(offset), RWF_NOWAIT)));
  }

  /** Every page has its place, and the first and the last have come from the disk: those between were read with them or before. */
  function isThere(fd: number, offset: number, size: number): boolean {
    const last = offset + size - 1;
    range[0] = BigInt(offset);
    range[1] = BigInt(size);
    if (syscall(SYS_CACHESTAT, fd, range, stat, 0) !== 0n) return false;
    const pages = Math.floor(last / page) - Math.floor(offset / page) + 1;
    if (Number(stat[0]) < pages) return false;
    return read(fd, byte, 0, 1, offset) === 1 && read(fd, byte, 0, 1, last) === 1;
  }

  return {
    read,
    send(fd, socket, offset, size) {
      if (!isThere(fd, offset, size)) return undefined;
      from[0] = BigInt(offset);
      // What is wrong with the connection, whoever writes to it next is told.
      return Math.max(0, Number(sendfile(socket, fd, from, BigInt(size))));
    },
  };
}
