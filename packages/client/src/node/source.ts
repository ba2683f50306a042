// A file as the source of an upload.
import type { Stats } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { HoldfastError } from "@holdfast/protocol";
import type { Fingerprint, Source } from "../ports.ts";
import { errnoOf, messageOf } from "./errno.ts";

/** @throws HoldfastError `source_unreadable` where it is missing, no file, or may not be read. */
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
  const handle = await open(identity, "r").catch(unreadable);
  try {
    const stats = await handle.stat();
    if (stats.isFile()) return { handle, identity, stats };
  } catch (error) {
    await handle.close();
    unreadable(error);
  }
  await handle.close();
  throw new HoldfastError("source_unreadable", `${path} is not a file`);
}

function fingerprintOf({ size, mtimeMs }: Stats): Fingerprint {
  return { size, mtimeMs };
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
