// A copy that is there already as the sink of its own repair: what is bad in it is written over, nothing else is touched.
import { constants } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { HoldfastError } from "@holdfast/protocol";
import type { Sink } from "../ports.ts";
import { openDirect } from "./direct-file.ts";
import { errnoOf } from "./errno.ts";
import { failed, writeFull } from "./sink-file.ts";

/** Opening a FIFO would wait for somebody; through a symbolic link bytes would go where nobody named. */
const OPEN = constants.O_RDWR | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0);

/**
 * In place, not in a second file that takes its name at the end: a copy of a terabyte with one bad part needs no terabyte of room and no hour of copying, and
 * whatever moment it stops at, the copy has no bad part that it had not before.
 *
 * @throws HoldfastError `source_unreadable` where there is no such file, `sink_failed` where it may not be written
 */
export async function openCopySink(path: string): Promise<Sink> {
  const directory = await realpath(dirname(resolve(path))).catch(missing(path));
  const identity = join(directory, basename(resolve(path)));
  const handle = await openCopy(identity, path);
  const direct = await openDirect(identity, handle);
  return {
    identity,
    working: "itself",
    memory: "any",
    existingSize: () => sizeOf(handle),
    open: async () => ({ size: await sizeOf(handle), mark: "", note: undefined }),
    read: (_file, offset, into) => direct.read(offset, into),
    write: (offset, bytes) => writeFull(handle, offset, bytes),
    // The copy itself says what of it is good: verify reads it as well.
    note: async () => undefined,
    async commit(size) {
      // What is cut, no part has; but not before every part is there for good.
      await handle.sync().catch(failed);
      if ((await sizeOf(handle)) <= size) return;
      await handle.truncate(size).catch(failed);
      await handle.sync().catch(failed);
    },
    discard: async () => undefined,
    close: () => direct.close().finally(() => handle.close().catch(failed)),
  };
}

async function openCopy(identity: string, path: string): Promise<FileHandle> {
  const handle = await open(identity, OPEN).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return missing(path)(error);
    if (errnoOf(error) !== "ELOOP") return failed(error);
    const hint = "Name the file that the link leads to.";
    throw new HoldfastError("sink_failed", `${path} is a symbolic link`, { hint }, error);
  });
  const stats = await handle.stat();
  if (stats.isFile()) return handle;
  await handle.close();
  throw new HoldfastError("sink_failed", `${path} is not a file`);
}

function missing(path: string): (error: unknown) => never {
  return (cause) => {
    const hint = "There is nothing to repair: holdfast download fetches the file.";
    const details = { hint, cause: errnoOf(cause) };
    throw new HoldfastError("source_unreadable", `there is no file ${path}`, details, cause);
  };
}

async function sizeOf(handle: FileHandle): Promise<number> {
  return (await handle.stat().catch(failed)).size;
}
