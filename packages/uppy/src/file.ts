// A file of Uppy's as our client takes it.
import type { FileOptions } from "@holdfast/client/browser";
import type { Body, Meta, UppyFile } from "@uppy/core";

/** Which of a file's `meta` go along: all of them, none, or those with these names. */
export type AllowedMetaFields = boolean | readonly string[];

/** Name and type are the file's own. */
const OWN: ReadonlySet<string> = new Set(["name", "type"]);

/** Neither complete nor failed: Uppy takes the mark of a failure off what is to be tried again. */
export function isToSend<M extends Meta, B extends Body>(file: UppyFile<M, B>): boolean {
  return !file.error && !file.progress.uploadComplete;
}

/** One that an earlier page has begun was said to have started there. */
export function isToStart<M extends Meta, B extends Body>(file: UppyFile<M, B>): boolean {
  return !file.isRestored || !file.progress.uploadStarted;
}

/** What has no name of its own, as recordings have none, gets that which Uppy gave it: by that it is known again after a reload. */
export function sourceOf(data: Blob, name: string): File {
  return data instanceof File ? data : new File([data], name, { type: data.type, lastModified: 0 });
}

/** In Uppy's words `relativePath`: kept as everywhere else in Holdfast. */
const PATH = "path";

export function describe<M extends Meta, B extends Body>(
  { meta, type }: UppyFile<M, B>,
  allowed: AllowedMetaFields,
): Pick<FileOptions, "name" | "path" | "type" | "metadata"> {
  const metadata = new Map<string, string>();
  for (const [name, value] of Object.entries(meta)) {
    const isWanted = typeof allowed === "boolean" ? allowed : allowed.includes(name);
    const text = typeof value === "string" ? value : JSON.stringify(value ?? undefined);
    if (!isWanted || OWN.has(name) || text === undefined) continue;
    metadata.set(name === "relativePath" ? PATH : name, text);
  }
  const { name, relativePath: path } = meta;
  return { name, ...(path ? { path } : {}), ...(type ? { type } : {}), metadata };
}
