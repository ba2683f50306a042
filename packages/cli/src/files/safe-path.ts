// Where a downloaded file may go: names from elsewhere become names within one directory, and nothing leads out of it.
import { lstat, mkdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { cleanName, HoldfastError } from "@holdfast/protocol";
import { codeOf } from "./errors.ts";

/** Names that Windows gives to devices, whatever comes after a dot. */
const RESERVED = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i;
/** What Windows refuses, besides what no name may have, and what has no UTF-8 form. */
const UNSAFE = /[\p{Cs}:*?"<>|]/gu;
const NAME_BYTES_MAX = 255;
const DEPTH_MAX = 64;

/**
 * A name that is a name on every system: the same rules everywhere, so that a folder comes back alike on all of them. Differs from `name` only where that
 * would be refused or do harm somewhere.
 */
export function safeName(name: string): string {
  const plain = cleanName(name)
    .replace(UNSAFE, "_")
    .replace(/[. ]+$/u, "_");
  const shown = plain === "" ? "_" : plain;
  return shorten(RESERVED.test(shown) ? `_${shown}` : shown);
}

/** The name of a file that nobody but its server has named: a hidden one might be read by a program the next time it starts, and one that looks like an option by whoever says `*`. */
export function saidName(name: string): string {
  return safeName(name).replace(/^[.-]+/, "_");
}

/** Keeps the end, which says what kind of file it is. */
function shorten(name: string): string {
  if (Buffer.byteLength(name) <= NAME_BYTES_MAX) return name;
  const at = name.lastIndexOf(".");
  const end = at > 0 && Buffer.byteLength(name.slice(at)) <= 32 ? name.slice(at) : "";
  const room = NAME_BYTES_MAX - Buffer.byteLength(end);
  let kept = "";
  let bytes = 0;
  for (const letter of name) {
    bytes += Buffer.byteLength(letter);
    if (bytes > room) break;
    kept += letter;
  }
  return kept + end;
}

/**
 * A relative path with `/` as names one below another.
 *
 * @throws HoldfastError `sink_failed` where it is absolute or goes up: nobody sends such a path by accident
 */
export function safeNames(path: string): readonly [string, ...string[]] {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  const isOutside =
    path.startsWith("/") || /^[A-Za-z]:(?:[\\/]|$)/.test(path) || names.includes("..");
  const [first, ...others] = names;
  if (first === undefined || isOutside || names.length > DEPTH_MAX) {
    throw new HoldfastError(
      "sink_failed",
      `${JSON.stringify(path.slice(0, 200))} is no path within a directory`,
    );
  }
  return [safeName(first), ...others.map(safeName)];
}

/**
 * The place for a file within `root`; makes the directories above it. A symbolic link on the way is refused: it could lead anywhere.
 *
 * @throws HoldfastError `sink_failed`
 */
export async function placeWithin(root: string, path: string): Promise<string> {
  const names = safeNames(path);
  let at = await realpath(root).catch((error: unknown) => failed(root, error));
  for (const name of names.slice(0, -1)) {
    at = join(at, name);
    await mkdir(at).catch((error: unknown) => {
      if (codeOf(error) !== "EEXIST") failed(at, error);
    });
    const stats = await lstat(at).catch((error: unknown) => failed(at, error));
    if (!stats.isDirectory()) {
      throw new HoldfastError("sink_failed", `${at} is no directory, or a link to one`, {
        path: at,
      });
    }
  }
  return join(at, names.at(-1) ?? names[0]);
}

function failed(path: string, error: unknown): never {
  const why = error instanceof Error ? error.message : String(error);
  throw new HoldfastError("sink_failed", why, { path, cause: codeOf(error) }, error);
}
