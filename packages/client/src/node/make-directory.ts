// Makes a directory and those above it.
import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf } from "./errno.ts";

/**
 * One that is there already is fine. Node's own `recursive` tries for ever where a system says "no such directory" though the one above is there, as Linux does in /proc.
 *
 * @throws what the system says
 */
export function makeDirectory(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (isDirectory(path)) return;
    const above = dirname(path);
    if (errnoOf(error) !== "ENOENT" || above === path || isDirectory(above)) throw error;
    makeDirectory(above, mode);
    // Another process may have made it meanwhile.
    makeDirectory(path, mode);
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
