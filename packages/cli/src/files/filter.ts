// Which of the files in a directory are wanted: --include and --exclude.
import { compileGlob } from "./glob.ts";

export interface Filter {
  /** `path` is relative, with `/` between its names. */
  takes(path: string): boolean;
  /** False where nothing below this directory can be wanted. */
  enters(path: string): boolean;
}

/**
 * A pattern without `/` is about names at any depth, one with `/` about whole paths from the directory that was given. What is excluded is excluded
 * with all that is below it; where there is an include, only what it matches is taken.
 *
 * @throws HoldfastError `usage` for a malformed pattern
 */
export function createFilter(include: readonly string[], exclude: readonly string[]): Filter {
  const wanted = include.map(matcherOf);
  const unwanted = exclude.map(matcherOf);
  const isOut = (path: string) => unwanted.some((matches) => matches(path));
  return {
    takes: (path) => !isOut(path) && (wanted.length === 0 || wanted.some((one) => one(path))),
    enters: (path) => !isOut(path),
  };
}

function matcherOf(pattern: string): (path: string) => boolean {
  const plain = pattern.replace(/^\.?\//, "").replace(/\/(?:\*\*)?$/, "");
  const glob = compileGlob(plain);
  if (plain.includes("/")) return (path) => glob.test(path);
  return (path) => glob.test(path.slice(path.lastIndexOf("/") + 1));
}
