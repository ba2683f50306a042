// What tells a file of a page from others, and is known of it again after a reload.
import { parseJson } from "../parse-json.ts";

/** What a file does not say of itself. */
export interface Told {
  /** Whose files they are, where a page says so. */
  readonly owner?: string | undefined;
  /** Where a file lies in a folder, where it does not say so itself. */
  readonly path?: string | undefined;
}

/** Two files at the same path are two uploads, unless size and time of change are the same too. */
export function identityOf(
  { name, webkitRelativePath, lastModified, size }: File,
  { owner, path: told }: Told,
): string {
  const path = told ?? (webkitRelativePath || name);
  const whose = owner === undefined ? [] : [owner];
  return JSON.stringify(["file", path, size, lastModified, ...whose]);
}

interface Identity {
  readonly path: string;
  readonly lastModified: number;
  readonly owner?: string;
}

/** What the identity of a file's source says of that file, or undefined where it is that of something else. */
export function decodeIdentity(identity: string): Identity | undefined {
  const marks = parseJson(identity);
  if (!Array.isArray(marks)) return undefined;
  const [kind, path, , lastModified, owner] = marks;
  const isFile = kind === "file" && typeof path === "string" && typeof lastModified === "number";
  return isFile
    ? { path, lastModified, ...(typeof owner === "string" ? { owner } : {}) }
    : undefined;
}
