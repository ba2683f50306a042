// What the paths on a command line came to.
import type { HoldfastError } from "@holdfast/protocol";

export interface FoundFile {
  /** As this process opens it. */
  readonly path: string;
  /** In bytes, when it was looked at. */
  readonly size: number;
  /** Of a file found in a directory: its path from there, with `/`, kept with the file on the server. */
  readonly relative?: string;
}

/** Grows while paths are looked at. */
export interface Found {
  readonly files: FoundFile[];
  /** What was asked for and cannot be sent; the rest is sent all the same. */
  readonly failures: { readonly path: string; readonly error: HoldfastError }[];
  /** What lay in a directory and is left out, with a word why. */
  readonly skipped: { readonly path: string; readonly why: string }[];
}

export function nothingFound(): Found {
  return { files: [], failures: [], skipped: [] };
}
