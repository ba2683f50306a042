// A file in the place that the browser keeps for this site alone (OPFS), read and written in place: only a worker may, and one of them at a time.
import { HoldfastError } from "@holdfast/protocol";
import type { Clock } from "../ports.ts";
import { plainView } from "./platform.ts";
import { noRoom, sinkError } from "./sink-error.ts";

/** Answers at once; numbers of bytes. As the standard has it, but that browsers have been seen to give an error as the number it is. */
export interface SyncFile {
  read(into: Uint8Array<ArrayBuffer>, how: { readonly at: number }): number;
  write(bytes: Uint8Array<ArrayBuffer>, how: { readonly at: number }): number;
  flush(): void;
  truncate(size: number): void;
  getSize(): number;
  close(): void;
}

export interface WorkingFile {
  /** In bytes. */
  size(): number;
  /** Resolves with how many bytes there were. What cannot be read is as good as not there. */
  read(offset: number, into: Uint8Array): number;
  /** All of them. @throws HoldfastError `sink_full`, `sink_failed` */
  write(offset: number, bytes: Uint8Array): void;
  /** Cuts to `size`; what has that is not touched, or whoever reads it could not go on. @throws HoldfastError `sink_failed` */
  cut(size: number): void;
  /**
   * Finds out whether so many bytes may lie in it, and leaves it as it is. What browsers tell of the room that a site has is no number to go by: Chromium says 10 GiB
   * wherever there is more, and wherever less was allowed. @throws HoldfastError `sink_full`
   */
  makeRoom(size: number): void;
  /** @throws HoldfastError `sink_failed` */
  flush(): void;
  close(): void;
}

/** A page that has just gone may have the file for a moment longer than its lock: so often, and so many milliseconds apart, it is tried again. */
const TRIES = 50;
const AGAIN_MS = 100;
/** What Chromium gives for the number of bytes written where there is no room: its own number for that, as if it had no sign. */
const NO_ROOM = -8;

/** @throws HoldfastError `sink_unsupported` where there is no such place, `sink_full`, `sink_failed` */
export async function openWorking(
  directory: FileSystemDirectoryHandle,
  name: string,
  clock: Pick<Clock, "after">,
): Promise<WorkingFile> {
  const handle = await directory.getFileHandle(name, { create: true }).catch(sinkError);
  return workingFile(await openSync(handle, clock));
}

async function openSync(
  handle: FileSystemFileHandle,
  clock: Pick<Clock, "after">,
): Promise<SyncFile> {
  if (!canOpen(handle)) {
    const why = "files can be written in place only by a worker, and there is none";
    throw new HoldfastError("sink_unsupported", why);
  }
  for (let tries = 1; ; tries++) {
    try {
      return await handle.createSyncAccessHandle();
    } catch (error) {
      const isTaken = error instanceof Error && error.name === "NoModificationAllowedError";
      if (!isTaken || tries === TRIES) return sinkError(error);
    }
    await new Promise<void>((resolve) => {
      clock.after(AGAIN_MS, resolve);
    });
  }
}

function canOpen(
  handle: FileSystemFileHandle,
): handle is FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncFile> } {
  return "createSyncAccessHandle" in handle;
}

export function workingFile(file: SyncFile): WorkingFile {
  return {
    size: () => file.getSize(),
    read(offset, into) {
      let at = 0;
      while (at < into.length) {
        const left = plainView(into.subarray(at));
        const count = tryRead(file, left, offset + at);
        if (count === 0) break;
        at += count;
      }
      return at;
    },
    write(offset, bytes) {
      let at = 0;
      while (at < bytes.length) {
        const left = plainView(bytes.subarray(at));
        at += writeOnce(file, left, offset + at);
      }
    },
    cut(size) {
      if (file.getSize() !== size) attempt(() => file.truncate(size));
    },
    makeRoom(size) {
      const there = file.getSize();
      if (size <= there) return;
      attempt(() => file.truncate(size));
      attempt(() => file.truncate(there));
    },
    flush: () => attempt(() => file.flush()),
    close: () => file.close(),
  };
}

function tryRead(file: SyncFile, into: Uint8Array<ArrayBuffer>, at: number): number {
  try {
    const count = file.read(into, { at });
    return count > 0 && count <= into.length ? count : 0;
  } catch {
    return 0;
  }
}

/** A number that no write of so many bytes can have is an error, however it is told. */
function writeOnce(file: SyncFile, bytes: Uint8Array<ArrayBuffer>, at: number): number {
  const count = attempt(() => file.write(bytes, { at }));
  if (count > 0 && count <= bytes.length) return count;
  if (count === 0 || (count | 0) === NO_ROOM) throw noRoom();
  throw new HoldfastError("sink_failed", "the browser could not write the file", { cause: count });
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    return sinkError(error);
  }
}
