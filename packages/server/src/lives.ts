// The names that this server has had among those that share records: another one at each start, kept in its data directory, so that a new life knows which claims are of an old one.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Log } from "@holdfast/engine";
import { replaceFile } from "./durable-file.ts";

const LIVES_FILE = "lives.json";
/** Lives whose claims may not be over yet: one lasts 15 s, and a start takes its time. */
const LIVES_MAX = 32;

export interface Lives {
  readonly host: string;
  /** Before this one. Whoever holds the lock of the directory knows that they are over. */
  readonly lives: readonly string[];
}

/**
 * Begins a life of the server whose data directory this is; the caller owns it.
 *
 * A directory that was copied to another machine has claims released that are still held there: who holds them is refused by its token, as if it had slept.
 */
export function beginLife(directory: string, log: Log): Lives {
  const host = `${hostname()}:${directory}, process ${process.pid}, ${randomUUID()}`;
  const path = join(directory, LIVES_FILE);
  const lives = readLives(path).slice(-LIVES_MAX);
  try {
    replaceFile(path, `${JSON.stringify([...lives, host])}\n`);
  } catch (error) {
    // Nothing that is stored needs room on this disk: a start must not either.
    log("warn", "this life cannot be noted: the next one waits until its claims are over", {
      error,
    });
  }
  return { host, lives };
}

/** Without them claims are over by time: a file that cannot be read is no reason to refuse a start. */
function readLives(path: string): readonly string[] {
  try {
    const lives: unknown = JSON.parse(readFileSync(path, "utf8"));
    return Array.isArray(lives) ? lives.filter((name) => typeof name === "string") : [];
  } catch {
    return [];
  }
}
