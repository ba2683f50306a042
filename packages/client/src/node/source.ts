// A file as the source of an upload.
import { constants, type Stats } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { HoldfastError } from "@holdfast/protocol";
import type { Fingerprint, Source } from "../ports.ts";
import { errnoOf, messageOf } from "./errno.ts";

/** Opening a FIFO would wait for somebody to write to it. */
const OPEN = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** @throws HoldfastError `source_unreadable` where it is missing, no file, may not be read, or does not tell its size. */
export async function openFileSource(path: string): Promise<Source> {
  const { handle, identity, stats } = await openFile(resolve(path));
  const fingerprint = fingerprintOf(stats);
  return {
    name: basename(resolve(path)),
    identity,
    fingerprint,
    read: (offset, into) => readWhole(handle, offset, into),
    async isChanged() {
      const now = fingerprintOf(await handle.stat().catch(unreadable));
      // Not ctime: a backup that reads the file, or a chmod, must not end hours of work. The next run looks at it too.
      return now.size !== fingerprint.size || now.mtimeMs !== fingerprint.mtimeMs;
    },
    close: () => handle.close(),
  };
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly identity: string;
  readonly stats: Stats;
}

async function openFile(path: string): Promise<OpenFile> {
  // The path without symbolic links: two names of one file must not be two uploads.
  const identity = await realpath(path).catch(unreadable);
  const handle = await open(identity, OPEN).catch(unreadable);
  try {
    const stats = await handle.stat().catch(unreadable);
    if (!stats.isFile()) {
      throw new HoldfastError("source_unreadable", `${path} is not a file`);
    }
    await requireSize(handle, stats, path);
    return { handle, identity, stats };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Some files of the kernel state 0 bytes and have many; as an empty file, they would arrive as one. */
async function requireSize(handle: FileHandle, { size }: Stats, path: string): Promise<void> {
  if (size > 0) return;
  const { bytesRead } = await handle.read(new Uint8Array(1), 0, 1, 0).catch(unreadable);
  if (bytesRead === 0) return;
  throw new HoldfastError("source_unreadable", `${path} does not tell its size`);
}

function fingerprintOf({ size, mtimeMs, ctimeMs, ino }: Stats): Fingerprint {
  return { size, mtimeMs, ctimeMs, ino };
}

function unreadable(error: unknown): never {
  const details = { cause: errnoOf(error) };
  throw new HoldfastError("source_unreadable", messageOf(error), details, error);
}

async function readWhole(handle: FileHandle, offset: number, into: Uint8Array): Promise<void> {
  for (let at = 0; at < into.length; ) {
    const { bytesRead } = await handle
      .read(into, at, into.length - at, offset + at)
      .catch(unreadable);
    if (bytesRead === 0) throw new HoldfastError("source_changed", "the source has become shorter");
    at += bytesRead;
  }
}
