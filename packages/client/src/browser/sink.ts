// A download of a page: a working file in the place that the browser keeps for this site, where a crash leaves it; what is whole is copied to where a person wants it, or kept for the page to save.
import { HoldfastError, toHoldfastError } from "@holdfast/protocol";
import { checkpointKey } from "../checkpoint.ts";
import type { CheckpointStore, Clock, Digester, Sink } from "../ports.ts";
import type { Keeping } from "./keeping.ts";
import { sinkError } from "./sink-error.ts";
import { copyTo, existingAt, type Place } from "./target.ts";
import { openWorking, type WorkingFile } from "./working-file.ts";

/** The folder of this site's working files. */
const FOLDER = "holdfast downloads";

/** Reading is done at once here, and so is hashing: whoever reads on and on hears of nothing else for so long, in milliseconds. */
const TURN_MS = 50;

/** What a browser has for sites, as far as this needs it. */
export interface Disk {
  /** The folder of the working files, made if need be. @throws HoldfastError `sink_unsupported`, `sink_failed` */
  folder(): Promise<FileSystemDirectoryHandle>;
}

export interface SinkParts {
  readonly disk: Disk;
  readonly checkpoints: Pick<CheckpointStore, "load" | "save" | "remove">;
  readonly clock: Pick<Clock, "after" | "monotonic">;
  readonly digester: Digester;
  readonly keeping: Keeping;
}

/** What is downloaded from where to where. */
export interface Wanted {
  /** Names the download on this machine: the address, however it was signed. */
  readonly identity: string;
  readonly place: Place;
}

export interface BrowserSink extends Sink {
  /** What is whole and was kept, once it is committed. @throws HoldfastError `sink_failed` */
  whole(): Promise<File | undefined>;
}

interface Open {
  readonly name: string;
  readonly file: WorkingFile;
}

export function createBrowserSink(
  { identity, place }: Wanted,
  { disk, checkpoints, clock, digester, keeping }: SinkParts,
): BrowserSink {
  let working: Open | undefined;
  let broken: HoldfastError | undefined;
  let kept: string | undefined;
  const nameOf = (root: string) => workingName(checkpointKey(digester, "download", identity), root);
  let turnAt = clock.monotonic();
  /** Everything else of the page's transfers gets its turn, an abort too. */
  const passTurn = async () => {
    if (clock.monotonic() - turnAt < TURN_MS) return;
    await new Promise<void>((resolve) => {
      clock.after(0, resolve);
    });
    turnAt = clock.monotonic();
  };
  const workingOf = () => {
    if (working) return working;
    if (broken) throw broken;
    throw new HoldfastError("internal", "the working file is not open");
  };
  const close = async () => {
    const open = working;
    working = undefined;
    open?.file.close();
  };
  const remove = async (name: string) => {
    await close();
    await forgetWorking(await disk.folder(), name, checkpoints);
  };
  /** What another download has brought, its page still has: it is as good for this one. */
  const removeOwn = async (name: string) => {
    if (await keeping.isKept(name)) await close();
    else await remove(name);
  };
  /** A flush has failed: what can be read is what the cache has, which the disk may never get. Nothing of it is gone on with. */
  const flush = async ({ name, file }: Open) => {
    try {
      file.flush();
    } catch (error) {
      broken = toHoldfastError(error);
      await remove(name).catch(() => undefined);
      throw error;
    }
  };
  // Nothing says that the time of a file moves with what is written in place: what a journal names is read again, beside the transfer.
  const mark = "";
  return {
    identity,
    working: "beside",
    memory: "any",
    existingSize: async () => (await existingAt(place))?.size,
    async open(root, size) {
      const name = nameOf(root);
      working ??= { name, file: await openWorking(await disk.folder(), name, clock) };
      const there = working.file.size();
      working.file.makeRoom(size);
      const note = await checkpoints.load(noteKey(name)).catch(() => undefined);
      return { size: there, mark, note };
    },
    async read(file, offset, into) {
      if (file === "working") {
        await passTurn();
        return workingOf().file.read(offset, into);
      }
      const piece = (await existingAt(place))?.slice(offset, offset + into.length);
      if (!piece) return 0;
      const bytes = new Uint8Array(await piece.arrayBuffer().catch(sinkError));
      into.set(bytes);
      return bytes.length;
    },
    write: async (offset, bytes) => workingOf().file.write(offset, bytes),
    async note(make) {
      const open = workingOf();
      // A text that named bytes before they are flushed would be believed after they are lost.
      await flush(open);
      await checkpoints.save(noteKey(open.name), make(mark));
    },
    async commit(size, existing, check) {
      const { name, file } = workingOf();
      file.cut(size);
      await flush({ name, file });
      if (place.kind === "kept") {
        await keeping.keep(name);
        await close();
        kept = name;
        return;
      }
      if (existing === "keep" && (await existingAt(place))) {
        throw new HoldfastError("sink_exists", "the target came into being meanwhile");
      }
      await copyTo(place, { size, read: file.read }, check);
      // What is left of it, a later download of the same finds, and the sweep.
      await removeOwn(name).catch(() => undefined);
    },
    async discard(root) {
      // It was whole, and somebody has aborted it a moment later.
      if (kept !== undefined) await keeping.letGo(kept);
      kept = undefined;
      await removeOwn(nameOf(root));
    },
    close,
    async whole() {
      if (kept === undefined) return undefined;
      const handle = await (await disk.folder()).getFileHandle(kept).catch(sinkError);
      return handle.getFile().catch(sinkError);
    },
  };
}

/** Another content of the same address has another file. */
export function workingName(key: string, root: string): string {
  return `${key}.${root.slice(0, 16)}.part`;
}

/** The key of the download that a working file is of, or undefined where it is none of ours. */
export function keyOfWorking(name: string): string | undefined {
  return /^([0-9a-f]{64})\.[0-9a-f]{16}\.part$/.exec(name)?.[1];
}

function noteKey(name: string): string {
  return `journal ${name}`;
}

/** A working file and what was noted of it; nothing there is fine. @throws HoldfastError `sink_failed` */
export async function forgetWorking(
  folder: FileSystemDirectoryHandle,
  name: string,
  checkpoints: Pick<CheckpointStore, "remove">,
): Promise<void> {
  // First what says that there is something, so that nobody believes it later.
  await checkpoints.remove(noteKey(name)).catch(() => "it names what is not there then");
  await folder.removeEntry(name).catch((error: unknown) => {
    if (!(error instanceof Error && error.name === "NotFoundError")) sinkError(error);
  });
}

/** `storage` is undefined where the page's address lets it have none. */
export function createDisk(storage: StorageManager | undefined): Disk {
  return {
    async folder() {
      if (!storage || !("getDirectory" in storage)) {
        throw new HoldfastError("sink_unsupported", "browsers keep no files for such a page");
      }
      const root = await storage.getDirectory().catch((error: unknown) => {
        const why = "the browser keeps no files for this page";
        throw new HoldfastError("sink_unsupported", why, {}, error);
      });
      return root.getDirectoryHandle(FOLDER, { create: true }).catch(sinkError);
    },
  };
}
