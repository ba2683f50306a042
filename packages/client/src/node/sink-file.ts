// Reads and writes of a sink's file: all the bytes that are asked for, wherever the system stops on the way.
import { type FileHandle, open } from "node:fs/promises";
import { HoldfastError } from "@holdfast/protocol";
import { errnoOf, messageOf } from "./errno.ts";

/** @throws HoldfastError `sink_failed` */
export function failed(error: unknown): never {
  const details = { cause: errnoOf(error) };
  throw new HoldfastError("sink_failed", messageOf(error), details, error);
}

/**
 * Resolves with how many bytes there were. A sector that cannot be read is as good as none: to write it again is what makes most disks put another in its place.
 *
 * @throws HoldfastError `sink_failed`
 */
export async function readFull(
  handle: FileHandle,
  offset: number,
  into: Uint8Array,
): Promise<number> {
  let at = 0;
  while (at < into.length) {
    const bytes = await readOnce(handle, into.subarray(at), offset + at);
    if (bytes === 0) break;
    at += bytes;
  }
  return at;
}

async function readOnce(handle: FileHandle, into: Uint8Array, offset: number): Promise<number> {
  try {
    return (await handle.read(into, 0, into.length, offset)).bytesRead;
  } catch (error) {
    return errnoOf(error) === "EIO" ? 0 : failed(error);
  }
}

/** @throws HoldfastError `sink_failed` */
export async function writeFull(
  handle: FileHandle,
  offset: number,
  bytes: Uint8Array,
): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle
      .write(bytes, at, bytes.length - at, offset + at)
      .catch(failed);
    at += bytesWritten;
  }
}

/** Size in bytes, and a mark that changes with every write and every other file. */
export async function lookAt(handle: FileHandle): Promise<{ size: number; mark: string }> {
  const { size, ino, mtimeNs, ctimeNs } = await handle.stat({ bigint: true }).catch(failed);
  return { size: Number(size), mark: `${ino} ${size} ${mtimeNs} ${ctimeNs}` };
}

/** Names that were given in a directory survive power loss when it resolves. @throws HoldfastError `sink_failed` */
export async function syncDirectory(path: string): Promise<void> {
  // A directory cannot be opened on Windows; its file system keeps names in a journal.
  if (process.platform === "win32") return;
  const directory = await open(path, "r").catch(failed);
  try {
    await directory.sync().catch(failed);
  } finally {
    await directory.close();
  }
}
