// Reads and writes past the page cache: new pages for what a download writes cost as much processor time as the digests of it, and what is flushed in the end anyway gains nothing by them.
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { memoryOf } from "../buffers.ts";
import { errnoOf } from "./errno.ts";
import { failed, readFull, writeFull } from "./sink-file.ts";

/** What offsets, sizes and memory are multiples of, in bytes. Disks ask for 512 or 4,096. */
const ALIGNMENT = 4096;
/** What a file system says that has no such thing, or wants another alignment. */
const CANNOT: ReadonlySet<string | undefined> = new Set(["EINVAL", "EOPNOTSUPP", "ENOTSUP"]);

/** Bytes that are read at a time. */
const READ_SIZE: number = 1024 * 1024;

export interface DirectFile {
  /** As `Sink.write`: whole blocks past the cache where that can be, the rest through it. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** As `Sink.read`. After a flush that failed, the cache may go on giving what the disk never got: what is past it, the disk has. */
  read(offset: number, into: Uint8Array): Promise<number>;
  /** Whether it is still as `read` says: what it cannot read past the cache, it reads through that. */
  isPastCache(): boolean;
  close(): Promise<void>;
}

/** @param buffered The same file, open for writing; it stays the caller's. */
export async function openDirect(path: string, buffered: FileHandle): Promise<DirectFile> {
  const direct = await openPastCache(path, buffered);
  let can = direct !== undefined;

  /** How many of the bytes are written. */
  async function writeBlocks(offset: number, bytes: Uint8Array): Promise<number> {
    let at = 0;
    const size = bytes.length - (bytes.length % ALIGNMENT);
    // The kernel may stop amid a block: what follows is not aligned any more.
    while (direct && can && at < size && (offset + at) % ALIGNMENT === 0) {
      try {
        at += (await direct.write(bytes, at, size - at, offset + at)).bytesWritten;
      } catch (error) {
        if (!CANNOT.has(errnoOf(error))) failed(error);
        can = false;
      }
    }
    return at;
  }

  let scratch: Uint8Array | undefined;

  /** How many of the bytes are read; a block that the disk does not give back ends them. */
  async function readBlocks(offset: number, into: Uint8Array): Promise<number> {
    const memory = scratch ?? new Uint8Array(memoryOf("pages", READ_SIZE));
    scratch = undefined;
    let at = 0;
    while (direct && can && at < into.length) {
      const skipped = (offset + at) % ALIGNMENT;
      const wanted = skipped + into.length - at;
      const size = Math.min(READ_SIZE, wanted + ALIGNMENT - (wanted % ALIGNMENT || ALIGNMENT));
      try {
        const { bytesRead } = await direct.read(memory, 0, size, offset + at - skipped);
        const bytes = memory.subarray(skipped, Math.min(bytesRead, wanted));
        if (bytes.length === 0) break;
        into.set(bytes, at);
        at += bytes.length;
      } catch (error) {
        if (errnoOf(error) === "EIO") break;
        if (!CANNOT.has(errnoOf(error))) failed(error);
        can = false;
      }
    }
    scratch = memory;
    return at;
  }

  return {
    isPastCache: () => direct !== undefined && can,
    async read(offset, into) {
      const done = await readBlocks(offset, into);
      if (direct && can) return done;
      return done + (await readFull(buffered, offset + done, into.subarray(done)));
    },
    async write(offset, bytes) {
      const done = await writeBlocks(offset, bytes);
      await writeFull(buffered, offset + done, bytes.subarray(done));
    },
    close: async () => direct?.close().catch(failed),
  };
}

/** Undefined where the platform or the file system has nothing of the kind, or something else has that name by now. */
async function openPastCache(path: string, buffered: FileHandle): Promise<FileHandle | undefined> {
  const { O_DIRECT, O_RDWR, O_NOFOLLOW = 0 } = constants;
  if (!O_DIRECT) return undefined;
  const handle = await open(path, O_RDWR | O_DIRECT | O_NOFOLLOW).catch(() => undefined);
  if (!handle) return undefined;
  try {
    const [now, is] = await Promise.all([handle.stat(), buffered.stat()]);
    if (now.ino === is.ino && now.dev === is.dev) return handle;
  } catch {
    // It can be written the other way all the same.
  }
  await handle.close();
  return undefined;
}
