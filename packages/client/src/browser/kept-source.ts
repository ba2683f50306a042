// A file that the browser can find again: where reading fails, it is looked at once more before anybody is asked for it.
import { HoldfastError, toHoldfastError } from "@holdfast/protocol";
import type { Source } from "../ports.ts";

/** What a browser has chosen. */
export type BlobSource = Source & Required<Pick<Source, "load">>;

/** Opens a file, or its present form, as a source. */
export type OpenFile = (file: File) => Promise<BlobSource>;

/**
 * The source of `file`, which `handle` leads to. A file that is as it was is read on from as the browser has it now.
 * `isChanged` asks for it too. Reading throws what `findAgain` does besides.
 */
export async function openKeptSource(
  file: File,
  handle: FileSystemFileHandle,
  open: OpenFile,
): Promise<BlobSource> {
  const first = await open(file);
  let source = first;
  async function insist<T>(read: (source: BlobSource) => Promise<T>): Promise<T> {
    const tried = source;
    try {
      return await read(tried);
    } catch (error) {
      if (toHoldfastError(error).code !== "source_unreadable") throw error;
    }
    const now = await findAgain(handle);
    if (!isSame(now, file)) throw otherNow(file.name);
    // Others may have found it meanwhile.
    if (source === tried) source = await open(now);
    return read(source);
  }
  return {
    ...first,
    read: (offset, into) => insist((one) => one.read(offset, into)),
    load: (offset, size) => insist((one) => one.load(offset, size)),
    isChanged: async () => !isSame(await findAgain(handle), file),
  };
}

/** Whatever of it was read, it is no more. */
export function otherNow(name: string): HoldfastError {
  return new HoldfastError("source_changed", `${name} is not what it was when it was chosen`, {
    file: name,
  });
}

function isSame(one: File, other: File): boolean {
  return one.size === other.size && one.lastModified === other.lastModified;
}

/** @throws HoldfastError `source_gone`, `source_denied` where the browser wants a person to allow it first, `source_unreadable` */
export async function findAgain(handle: FileSystemFileHandle): Promise<File> {
  try {
    return await handle.getFile();
  } catch (error) {
    throw lost(error, handle.name);
  }
}

/** The file that a handle leads to; where the browser wants a person to allow that first, they are asked. @throws HoldfastError as `findAgain` */
export async function allowed(
  path: string,
  handle: FileSystemFileHandle | undefined,
): Promise<File> {
  if (!handle) throw new HoldfastError("source_denied", `${path} has to be chosen again`);
  // Some browsers have handles that nobody need be asked about, and no such question.
  const ask = "requestPermission" in handle ? handle.requestPermission : undefined;
  const answer =
    typeof ask === "function"
      ? await ask.call(handle, { mode: "read" }).catch((error: unknown) => {
          throw lost(error, path);
        })
      : "granted";
  if (answer !== "granted")
    throw new HoldfastError("source_denied", `nobody allowed ${path} to be read`);
  return findAgain(handle);
}

/** What it means that the browser does not give, or does not read, a file. */
export function lost(error: unknown, name: string): HoldfastError {
  const cause = error instanceof Error ? error.name : "unknown";
  const details = { cause, file: name };
  if (cause === "NotFoundError") {
    const why = `${name} is not where it was when it was chosen`;
    return new HoldfastError("source_gone", why, details, error);
  }
  if (cause === "NotAllowedError" || cause === "SecurityError") {
    const why = `the browser may not read ${name} without being allowed to`;
    return new HoldfastError("source_denied", why, details, error);
  }
  const why = `the browser cannot read ${name} any more: it was changed since it was chosen, or may not be read`;
  return new HoldfastError("source_unreadable", why, details, error);
}
