// All the files below a directory, in the order of their names, and what there is that cannot be sent.
import type { Dirent, Stats } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { toSourceError } from "./errors.ts";
import type { Filter } from "./filter.ts";
import type { Found, FoundFile } from "./found.ts";

export interface WalkOptions {
  readonly filter: Filter;
  /** Follow symbolic links within directories too. */
  readonly isFollowing: boolean;
}

interface Place {
  readonly path: string;
  /** With `/`, from where the walk began. */
  readonly relative: string;
  /** Directories above, by device and inode: a link back to one of them would lead round in circles. */
  readonly above: ReadonlySet<string>;
}

/** Adds to `found`. A directory that cannot be read is one failure, and the walk goes on beside it. */
export async function walk(
  root: string,
  prefix: string,
  options: WalkOptions,
  found: Found,
): Promise<void> {
  await enter({ path: root, relative: "", above: new Set() }, prefix, options, found);
}

async function enter(
  place: Place,
  prefix: string,
  options: WalkOptions,
  found: Found,
): Promise<void> {
  const { path, relative, above } = place;
  let entries: Dirent[];
  let identity: string;
  try {
    identity = identityOf(await stat(path));
    entries = await readdir(path, { withFileTypes: true });
  } catch (error) {
    found.failures.push({ path, error: toSourceError(path, error) });
    return;
  }
  if (above.has(identity)) {
    found.skipped.push({ path, why: "a link to a directory above itself" });
    return;
  }
  if (entries.length === 0) found.skipped.push({ path, why: "an empty directory" });
  const inside = new Set(above).add(identity);
  // By code units: the same order on every machine, whatever the file system gives.
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const below = relative === "" ? entry.name : `${relative}/${entry.name}`;
    const next = { path: join(path, entry.name), relative: below, above: inside };
    await visit(next, kindOf(entry), prefix, options, found);
  }
}

type Kind = "file" | "directory" | "link" | "special";

function kindOf(entry: Dirent | Stats): Kind {
  if (entry.isFile()) return "file";
  if (entry.isDirectory()) return "directory";
  return entry.isSymbolicLink() ? "link" : "special";
}

async function visit(
  place: Place,
  kind: Kind,
  prefix: string,
  options: WalkOptions,
  found: Found,
): Promise<void> {
  const { path, relative } = place;
  const { filter, isFollowing } = options;
  if (!filter.enters(relative)) return;
  if (kind === "directory") return enter(place, prefix, options, found);
  if (kind === "link" && !isFollowing) {
    if (filter.takes(relative)) found.skipped.push({ path, why: "a symbolic link" });
    return;
  }
  if (kind !== "link" && !filter.takes(relative)) return;
  if (kind === "special") {
    found.skipped.push({ path, why: "no regular file" });
    return;
  }
  try {
    const stats = await stat(path);
    const target = kindOf(stats);
    if (kind === "link" && target !== "file")
      return await visit(place, target, prefix, options, found);
    if (filter.takes(relative)) found.files.push(fileOf(place, prefix, stats));
  } catch (error) {
    found.failures.push({ path, error: toSourceError(path, error) });
  }
}

function fileOf({ path, relative }: Place, prefix: string, { size }: Stats): FoundFile {
  return { path, size, relative: prefix === "" ? relative : `${prefix}/${relative}` };
}

function identityOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}
