// A file as the sink of a download: a working file beside it while it is incomplete, NAME once it is whole.
import { constants } from "node:fs";
import { type FileHandle, link, lstat, open, realpath, rename, unlink } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { HoldfastError } from "@holdfast/protocol";
import type { Sink } from "../ports.ts";
import { type DirectFile, openDirect } from "./direct-file.ts";
import { errnoOf } from "./errno.ts";
import { failed, lookAt, readFull, syncDirectory } from "./sink-file.ts";
import { readNote, removeNote, writeNote } from "./sink-note.ts";

/** Symbolic links are not followed: bytes go into the directory that was named and nowhere else. And opening a FIFO would wait for somebody. */
const OPEN_SAFE = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
const OPEN_WORKING = constants.O_RDWR | constants.O_CREAT | OPEN_SAFE;
const OPEN_WHOLE = constants.O_RDONLY | OPEN_SAFE;

/** Bytes of a file's name at most, on nearly every file system; what is noted beside it has a name that is four longer. */
const NAME_MAX = 255 - 4;

interface Place {
  readonly directory: string;
  readonly whole: string;
  readonly working: string;
}

interface Working {
  readonly path: string;
  readonly handle: FileHandle;
  /** The same file for writes. */
  readonly direct: DirectFile;
}

/** @throws HoldfastError `sink_failed` where its directory does not exist. */
export async function openFileSink(path: string): Promise<Sink> {
  const directory = await realpath(dirname(resolve(path))).catch(failed);
  const whole = join(directory, basename(resolve(path)));
  const pathOf = (root: string) => join(directory, workingName(basename(whole), root));
  let working: Working | undefined;
  const workingOf = () => {
    if (working) return working;
    throw new HoldfastError("internal", "the working file is not open");
  };
  const close = async () => {
    const open = working;
    working = undefined;
    await open?.direct.close().finally(() => open.handle.close().catch(failed));
  };
  /** A flush has failed: where nothing can be read but what the cache still has, which the disk may never have got, nothing of it may be gone on with. */
  const spoilt = async (error: unknown): Promise<never> => {
    const { path, direct } = workingOf();
    if (!direct.isPastCache()) {
      await Promise.allSettled([removeNote(path), unlink(path)]);
    }
    return failed(error);
  };
  return {
    identity: whole,
    working: "beside",
    memory: "pages",
    existingSize: () => sizeOf(whole),
    async open(root) {
      working ??= await openWorking(pathOf(root));
      const { size, mark } = await lookAt(working.handle);
      return { size, mark, note: await readNote(working.path) };
    },
    async read(file, offset, into) {
      if (file === "working") return workingOf().direct.read(offset, into);
      const handle = await open(whole, OPEN_WHOLE).catch(failed);
      try {
        return await readFull(handle, offset, into);
      } finally {
        await handle.close();
      }
    },
    write: async (offset, bytes) => workingOf().direct.write(offset, bytes),
    async note(make) {
      const { handle, path } = workingOf();
      // A text that named bytes before they are flushed would be believed after they are lost.
      await handle.datasync().catch(spoilt);
      const { mark } = await lookAt(handle);
      await writeNote(path, make(mark));
    },
    async commit(size, existing) {
      const { handle, path } = workingOf();
      await handle.truncate(size).catch(failed);
      await handle.sync().catch(spoilt);
      await requireName(path, handle);
      await close();
      await publish({ directory, whole, working: path }, existing);
      await removeNote(path).catch(failed);
    },
    async discard(root) {
      await close();
      await removeNote(pathOf(root)).catch(failed);
      await unlink(pathOf(root)).catch(unlessMissing);
    },
    close,
  };
}

/** `.NAME.ROOT.part`: nobody's own file has such a name, and another content has another. */
function workingName(name: string, root: string): string {
  const end = `.${root.slice(0, 16)}.part`;
  const room = NAME_MAX - 1 - end.length;
  let kept = "";
  for (const letter of name) {
    if (Buffer.byteLength(kept + letter) > room) break;
    kept += letter;
  }
  return `.${kept}${end}`;
}

/** One that has a second name is left to that: its bytes are somebody's whole file. */
async function openWorking(path: string): Promise<Working> {
  for (;;) {
    const handle = await open(path, OPEN_WORKING).catch(failed);
    try {
      const stats = await handle.stat().catch(failed);
      if (!stats.isFile()) throw new HoldfastError("sink_failed", `${path} is not a file`);
      if (stats.nlink <= 1) return { path, handle, direct: await openDirect(path, handle) };
      await unlink(path).catch(unlessMissing);
    } catch (error) {
      await handle.close();
      throw error;
    }
    await handle.close();
  }
}

function unlessMissing(error: unknown): undefined {
  return errnoOf(error) === "ENOENT" ? undefined : failed(error);
}

async function sizeOf(path: string): Promise<number | undefined> {
  const stats = await lstat(path).catch(unlessMissing);
  if (!stats || stats.isFile()) return stats?.size;
  throw new HoldfastError("sink_exists", `${path} exists and is not a file`);
}

/** What was verified is the open file: under its name may be another one by now, of a download of the same that knows nothing of this one. */
async function requireName(path: string, handle: FileHandle): Promise<void> {
  const is = await handle.stat({ bigint: true }).catch(failed);
  const named = await lstat(path, { bigint: true }).catch(unlessMissing);
  if (named?.ino === is.ino && named.dev === is.dev) return;
  const what = `${path} was removed or replaced meanwhile`;
  const hint =
    "Another download of it may be running: the same command goes on once that has ended.";
  throw new HoldfastError("sink_failed", what, { hint });
}

/** Gives the working file its name and flushes the directory, so that the name survives power loss too. */
async function publish(place: Place, existing: "keep" | "replace"): Promise<void> {
  if (existing === "keep") await giveName(place);
  else await rename(place.working, place.whole).catch(failed);
  await syncDirectory(place.directory);
}

/** A hard link never replaces what has the name already, which a rename would. Where there are none, a look before the rename has to do. */
async function giveName({ whole, working }: Place): Promise<void> {
  try {
    await link(working, whole);
  } catch (error) {
    if (errnoOf(error) === "EEXIST") throw exists(whole, error);
    if ((await sizeOf(whole)) !== undefined) throw exists(whole, error);
    await rename(working, whole).catch(failed);
    return;
  }
  await unlink(working).catch(failed);
}

function exists(path: string, cause: unknown): HoldfastError {
  return new HoldfastError("sink_exists", `${path} came into being meanwhile`, {}, cause);
}
