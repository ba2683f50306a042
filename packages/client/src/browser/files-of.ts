// The files of what was dropped or pasted, with those in folders: found one after another, so that a folder may have any number of them.
import type { HoldfastError } from "@holdfast/protocol";
import { lost } from "./kept-source.ts";

/** A file, or something that the browser does not let us look at: by its path from what was dropped, `/` between the names. */
export type Found =
  | {
      readonly kind: "file";
      readonly path: string;
      readonly file: File;
      /** Leads back to the file after a reload, where the browser has such. */
      readonly handle?: FileSystemFileHandle;
    }
  | { readonly kind: "unreadable"; readonly path: string; readonly error: HoldfastError };

/** What one item of the list leads to, or undefined where it is no file. */
type Root = () => AsyncIterable<Found>;

/**
 * The files of a drop or a paste. Call it while the event is handled: later the browser has forgotten what was dropped. The files can be asked for at any time
 * after that, once; no more of a folder is held than the browser gives at once. What cannot be read is named with the reason, and the others follow.
 */
export function filesOf({ items }: Pick<DataTransfer, "items">): AsyncIterable<Found> {
  const roots = Array.from(items, (item) => (item.kind === "file" ? rootOf(item) : undefined));
  return walkAll(roots.filter((root) => root !== undefined));
}

async function* walkAll(roots: readonly Root[]): AsyncGenerator<Found> {
  for (const root of roots) yield* root();
}

/** What a program put together is neither: it is only the file. */
function rootOf(item: DataTransferItem): Root {
  const file = item.getAsFile();
  const entry = item.webkitGetAsEntry?.();
  const ask = "getAsFileSystemHandle" in item ? item.getAsFileSystemHandle : undefined;
  const asked: Promise<unknown> =
    typeof ask === "function"
      ? Promise.resolve(ask.call(item)).catch(() => undefined)
      : Promise.resolve();
  return async function* () {
    const found = await asked;
    const handle = isHandle(found) ? found : undefined;
    if (entry) yield* walk(entry, entry.name, handle);
    else if (file) yield fileAt(file.name, file, handle);
  };
}

type Handle = FileSystemFileHandle | FileSystemDirectoryHandle;

function isHandle(value: unknown): value is Handle {
  return typeof value === "object" && value !== null && "kind" in value;
}

function fileAt(path: string, file: File, handle: Handle | undefined): Found {
  return { kind: "file", path, file, ...(handle?.kind === "file" ? { handle } : {}) };
}

/**
 * By entries: a folder's handle shows nothing of what has a name that would be unsafe to some system (quotes, emoji of several signs, `CON`), and does not say so.
 * Handles come along where there are any.
 */
async function* walk(
  entry: FileSystemEntry,
  path: string,
  handle: Handle | undefined,
): AsyncGenerator<Found> {
  try {
    if (isFile(entry)) yield fileAt(path, await fileOf(entry), handle);
    else if (isDirectory(entry)) yield* walkFolder(entry, path, handle);
  } catch (error) {
    yield { kind: "unreadable", path, error: lost(error, path) };
  }
}

/** A reader gives about a hundred at a time, and none at the end. */
async function* walkFolder(
  folder: FileSystemDirectoryEntry,
  path: string,
  handle: Handle | undefined,
): AsyncGenerator<Found> {
  const reader = folder.createReader();
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return;
    for (const one of some) yield* walk(one, `${path}/${one.name}`, await handleIn(handle, one));
  }
}

/** Undefined where it has none. */
async function handleIn(
  folder: Handle | undefined,
  { isFile, name }: FileSystemEntry,
): Promise<Handle | undefined> {
  if (folder?.kind !== "directory") return undefined;
  const asked = isFile ? folder.getFileHandle(name) : folder.getDirectoryHandle(name);
  return asked.catch(() => undefined);
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function isDirectory(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}
