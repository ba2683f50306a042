// Whether a file that somebody chose is the one that an upload began with. The page knows that by itself, without what lists uploads.
import { HoldfastError } from "@holdfast/protocol";
import type { Unfinished } from "./unfinished.ts";

/** Whether a file that was chosen is the one that the upload began with, as far as its name, size and time of change tell; its bytes are compared later. */
export function isFileOf(one: Unfinished, file: File): boolean {
  const name = one.path.slice(one.path.lastIndexOf("/") + 1);
  return file.name === name && file.size === one.size && file.lastModified === one.lastModified;
}

export function otherFile(one: Unfinished, file: File): HoldfastError {
  const [then, now] = [describe(one), describe(file)];
  const why = `${file.name} is not the file that this upload began with: that is ${one.path}, ${then}; this one has ${now}`;
  return new HoldfastError("source_changed", why, { file: file.name });
}

function describe({ size, lastModified }: Pick<File, "size" | "lastModified">): string {
  return `${size} bytes of ${new Date(lastModified).toISOString()}`;
}
