// Where a download of a page goes when it is whole: a file or a folder that a person chose, or nowhere, since the browser keeps it until the page has saved it.
import { HoldfastError } from "@holdfast/protocol";
import type { PartCheck } from "../ports.ts";
import { plainView } from "./platform.ts";
import { sinkError } from "./sink-error.ts";

/** As a page says it. */
export type Place =
  | { readonly kind: "kept" }
  | { readonly kind: "file"; readonly handle: FileSystemFileHandle }
  | {
      readonly kind: "folder";
      readonly folder: FileSystemDirectoryHandle;
      readonly name: string;
    };

/** A place that a person chose. */
export type Chosen = Exclude<Place, { readonly kind: "kept" }>;

/** What is copied: all of `size` bytes. */
export interface Whole {
  readonly size: number;
  read(offset: number, into: Uint8Array): number;
}

/**
 * What is there and was not chosen to be replaced. Whoever chose a file in a picker was asked about that. A file of no bytes is nothing: a page that goes in the middle of
 * a copy leaves one, and nobody could say whose it is. @throws HoldfastError `sink_denied`, `sink_failed` */
export async function existingAt(place: Place): Promise<File | undefined> {
  if (place.kind !== "folder") return undefined;
  try {
    const file = await (await place.folder.getFileHandle(place.name)).getFile();
    return file.size > 0 ? file : undefined;
  } catch (error) {
    if (error instanceof Error && error.name === "NotFoundError") return undefined;
    if (error instanceof Error && error.name === "TypeMismatchError") {
      const why = `${place.name} exists and is a folder, or no name for a file`;
      throw new HoldfastError("sink_exists", why, {}, error);
    }
    return sinkError(error);
  }
}

/**
 * Copies: the browser writes beside the file, and puts all of that in its place at the end or nothing.
 *
 * @throws HoldfastError `sink_denied`, `sink_full`, `sink_failed`, and what `check` does
 */
export async function copyTo(chosen: Chosen, whole: Whole, check: PartCheck): Promise<void> {
  const { handle, isNew } = await handleOf(chosen);
  const writable = await handle.createWritable().catch(async (error: unknown) => {
    if (isNew) await removeEmpty(chosen);
    return sinkError(error);
  });
  try {
    const buffer = new Uint8Array(Math.min(check.partSize, whole.size));
    for (let offset = 0, index = 0; offset < whole.size; offset += check.partSize, index++) {
      const part = buffer.subarray(0, Math.min(check.partSize, whole.size - offset));
      // What is missing leaves what the buffer had, which is not that part.
      whole.read(offset, part.fill(0));
      await check.judge(index, part);
      await writable.write(plainView(part));
    }
    await writable.close();
  } catch (error) {
    await writable.abort().catch(() => "it is closed already");
    if (isNew) await removeEmpty(chosen);
    return sinkError(error);
  }
  const { size } = await handle.getFile().catch(sinkError);
  if (size === whole.size) return;
  throw new HoldfastError("sink_failed", `the copy has ${size} bytes instead of ${whole.size}`);
}

interface Target {
  readonly handle: FileSystemFileHandle;
  /** There was nothing of that name: a folder shows it from now on, without a byte until all of them are there. */
  readonly isNew: boolean;
}

async function handleOf(chosen: Chosen): Promise<Target> {
  if (chosen.kind === "file") return { handle: chosen.handle, isNew: false };
  const { folder, name } = chosen;
  const there = await folder.getFileHandle(name).catch(() => undefined);
  if (there) return { handle: there, isNew: false };
  const handle = await folder.getFileHandle(name, { create: true }).catch(sinkError);
  return { handle, isNew: true };
}

/** Never rejects: what is left is empty. */
async function removeEmpty(chosen: Chosen): Promise<void> {
  if (chosen.kind !== "folder" || (await existingAt(chosen).catch(() => chosen))) return;
  await chosen.folder.removeEntry(chosen.name).catch(() => undefined);
}
