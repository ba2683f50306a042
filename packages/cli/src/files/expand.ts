// From the words of a command line to files: paths, directories, and patterns that no shell has expanded.
import { glob, realpath, stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { HoldfastError } from "@holdfast/protocol";
import { codeOf, notRegular, toSourceError } from "./errors.ts";
import { createFilter } from "./filter.ts";
import { type Found, type FoundFile, nothingFound } from "./found.ts";
import { isPattern } from "./glob.ts";
import { type WalkOptions, walk } from "./walk.ts";

export interface ExpandOptions {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly isFollowing: boolean;
}

/**
 * A word that names something is that, even with `*` in it; else, with a pattern in it, it is what the pattern matches. Links that are given by name are
 * followed. What is named twice is sent once.
 *
 * @throws HoldfastError `usage` for a malformed filter
 */
export async function expand(words: readonly string[], options: ExpandOptions): Promise<Found> {
  const { include, exclude, isFollowing } = options;
  const rules = { filter: createFilter(include, exclude), isFollowing };
  const found = nothingFound();
  for (const word of words) {
    const paths = await pathsOf(word);
    if (paths.length === 0) found.failures.push({ path: word, error: noMatch(word) });
    for (const path of paths) await add(path, rules, found);
  }
  return { ...found, files: await withoutRepeats(found.files) };
}

async function pathsOf(word: string): Promise<readonly string[]> {
  if (!isPattern(word)) return [word];
  const named = await stat(word).catch(codeOf);
  if (named !== "ENOENT" && named !== "ENOTDIR") return [word];
  const paths: string[] = [];
  for await (const path of glob(word)) paths.push(path);
  // A pattern such as a/** matches directories and all that is in them: one of the two will do.
  const isDeep = word.includes("**");
  const kept = isDeep ? await filesOnly(paths) : paths;
  return kept.sort();
}

async function filesOnly(paths: readonly string[]): Promise<string[]> {
  const kept: string[] = [];
  for (const path of paths) {
    const stats = await stat(path).catch(codeOf);
    if (typeof stats !== "object" || !stats.isDirectory()) kept.push(path);
  }
  return kept;
}

function noMatch(word: string): HoldfastError {
  const hint = "Quote it as the shell needs it, and try it with --dry-run.";
  return new HoldfastError("source_unreadable", `nothing matches ${word}`, { path: word, hint });
}

async function add(path: string, rules: WalkOptions, found: Found): Promise<void> {
  try {
    const stats = await stat(path);
    if (stats.isDirectory()) return await walk(path, prefixOf(path), rules, found);
    if (!stats.isFile()) throw notRegular(path);
    // What is given by name is wanted whatever the filters say of names.
    found.files.push({ path, size: stats.size });
  } catch (error) {
    found.failures.push({ path, error: toSourceError(path, error) });
  }
}

/** Files of `photos` are kept as `photos/...`, files of `.` by their paths in it. */
function prefixOf(path: string): string {
  return /^\.?[/\\]*$/.test(path) ? "" : basename(resolve(path));
}

async function withoutRepeats(files: readonly FoundFile[]): Promise<FoundFile[]> {
  const seen = new Set<string>();
  const kept: FoundFile[] = [];
  for (const file of files) {
    // Within one directory nothing stands twice: only what was given by name can be a repetition of it.
    const identity = file.relative === undefined ? await realOf(file.path) : resolve(file.path);
    if (seen.has(identity)) continue;
    seen.add(identity);
    kept.push(file);
  }
  return kept;
}

async function realOf(path: string): Promise<string> {
  return realpath(path).catch(() => resolve(path));
}
