// What the kernel's page cache has: copied at once or sent to a connection by the kernel itself. To hand a read to another thread and wait for its answer costs several times what the copy does, and what is never copied costs least.
import { type Ffi, withLibc } from "../../libc.ts";

/** Calls that never wait for a disk. Descriptors are those of open files, and must not be closed before a call returns. */
export interface PageCache {
  /** Bytes in a page. */
  readonly page: number;
  /** How many bytes from `offset` on went into `into`; 0 where they would have to be waited for, and at the end of the file. */
  read(fd: number, into: Uint8Array, start: number, size: number, offset: number): number;
  /** Whether all of these bytes are there, or have their place there and are on their way from the disk, but for the first and the last of them; undefined where the kernel does not tell. */
  has(fd: number, offset: number, size: number): boolean | undefined;
  /** Whether none of those that `has` has found is still on its way. Costs as much as a tenth of sending them. */
  hasCome(fd: number, offset: number, size: number): boolean;
  /** How many bytes from `offset` on the socket took, 0 where it is full or gone; undefined where they cannot go this way, whatever room there is. They are there: it was asked just now. */
  send(fd: number, socket: number, offset: number, size: number): number | undefined;
  /** From now on what is read through this descriptor brings the pages there that it is in, and no other ones. False where that cannot be had. */
  readNothingAhead(fd: number): boolean;
}

/** preadv2(2): give what is there, never wait. */
const RWF_NOWAIT = 8;
/** posix_fadvise(2). */
const POSIX_FADV_RANDOM = 1;
/** poll(2). */
const POLLOUT = 4;
/** mmap(2): a map that nobody looks through, and what it says of failure. */
const PROT_NONE = 0;
const MAP_SHARED = 1;
const MAP_FAILED = 2n ** 64n - 1n;
/** cachestat(2) has one number everywhere; libc has no name for it yet. */
const SYS_CACHESTAT = 451n;

/** Node has none of these calls: they are libc's (docs/adr/0028). */
export function openPageCache(): PageCache | undefined {
  return withLibc(bind);
}

function bind(ffi: Ffi): PageCache {
  const libc = ffi.dlopen(null, {
    getpagesize: { return: "int32", arguments: [] },
    preadv2: { return: "int64", arguments: ["int32", "pointer", "int32", "int64", "int32"] },
    poll: { return: "int32", arguments: ["pointer", "uint64", "int32"] },
    sendfile: { return: "int64", arguments: ["int32", "int32", "pointer", "uint64"] },
    syscall: { return: "int64", arguments: ["int64", "int32", "pointer", "pointer", "uint32"] },
    posix_fadvise: { return: "int32", arguments: ["int32", "int64", "int64", "int32"] },
    mmap: {
      return: "uint64",
      arguments: ["uint64", "uint64", "int32", "int32", "int32", "int64"],
    },
    mincore: { return: "int32", arguments: ["uint64", "uint64", "pointer"] },
    munmap: { return: "int32", arguments: ["uint64", "uint64"] },
  }).functions;
  const { getpagesize, preadv2, poll, sendfile, syscall, posix_fadvise } = libc;
  // 4 KiB, and on arm64 16 or 64 as well, as its kernel was built: of those there are fewer.
  const page = getpagesize();
  const iovec = new BigUint64Array(2);
  const range = new BigUint64Array(2);
  /** Pages in the cache, dirty ones, and three more numbers. */
  const stat = new BigUint64Array(5);
  const from = new BigInt64Array(1);
  const byte = new Uint8Array(1);
  /** A descriptor, what is asked of it, and what it answers. */
  const asked = new DataView(new ArrayBuffer(8));

  function read(fd: number, into: Uint8Array, start: number, size: number, offset: number): number {
    iovec[0] = ffi.getRawPointer(into) + BigInt(start);
    iovec[1] = BigInt(size);
    return Math.max(0, Number(preadv2(fd, iovec, 1, BigInt(offset), RWF_NOWAIT)));
  }

  /** One that is gone has room for nothing. */
  function hasRoom(socket: number): boolean {
    asked.setInt32(0, socket, true);
    asked.setInt16(4, POLLOUT, true);
    asked.setInt16(6, 0, true);
    return poll(asked, 1n, 0) === 1 && asked.getInt16(6, true) === POLLOUT;
  }

  return {
    page,
    read,
    // Every page has its place, and the first and the last have come from the disk: those between were read with them or before.
    has(fd, offset, size) {
      const last = offset + size - 1;
      range[0] = BigInt(offset);
      range[1] = BigInt(size);
      if (syscall(SYS_CACHESTAT, fd, range, stat, 0) !== 0n) return undefined;
      const pages = Math.floor(last / page) - Math.floor(offset / page) + 1;
      if (Number(stat[0]) < pages) return false;
      return read(fd, byte, 0, 1, offset) === 1 && read(fd, byte, 0, 1, last) === 1;
    },
    // By a map, since mincore(2) alone tells a page that has its bytes from one that waits for them. Nobody touches it: a file that is cut meanwhile harms nobody.
    hasCome(fd, offset, size) {
      const start = offset - (offset % page);
      const bytes = BigInt(offset + size - start);
      const map = libc.mmap(0n, bytes, PROT_NONE, MAP_SHARED, fd, BigInt(start));
      if (map === MAP_FAILED) return false;
      const pages = new Uint8Array(Math.ceil(Number(bytes) / page));
      const isTold = libc.mincore(map, bytes, pages) === 0;
      libc.munmap(map, bytes);
      return isTold && !pages.includes(0);
    },
    send(fd, socket, offset, size) {
      from[0] = BigInt(offset);
      const went = Number(sendfile(socket, fd, from, BigInt(size)));
      if (went > 0) return went;
      // What is wrong with the connection, whoever writes to it next is told; what is wrong with the file, whoever reads it.
      return hasRoom(socket) ? undefined : 0;
    },
    readNothingAhead: (fd) => posix_fadvise(fd, 0n, 0n, POSIX_FADV_RANDOM) === 0,
  };
}
