// One writer at a time of a small file in the data directory, beside a server that runs there: commands that change tokens and keys.
import { chownSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { HoldfastError } from "@holdfast/protocol";
import { giveToOwner } from "./durable-file.ts";

const LOCK_FILE = "settings.lock";
/** Whoever holds it writes one small file. */
const WAIT_MS = 5000;

/**
 * Runs `work` while no other process changes settings of this data directory, which is made where it does not exist. The kernel drops the lock with the process.
 *
 * @throws HoldfastError `data_dir_unusable`, or what `work` throws.
 */
export function withSettingsLock<T>(dataDir: string, work: (directory: string) => T): T {
  const directory = resolve(dataDir);
  let lock: DatabaseSync | undefined;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, LOCK_FILE);
    lock = new DatabaseSync(path, { timeout: WAIT_MS });
    giveToOwner(path, (uid, gid) => chownSync(path, uid, gid));
    lock.exec("PRAGMA locking_mode = NORMAL; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (cause) {
    lock?.close();
    throw unusable(directory, cause);
  }
  try {
    return work(directory);
  } finally {
    lock.close();
  }
}

/** A file of settings in words that say what to do about it. */
export function unusable(path: string, cause: unknown): HoldfastError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new HoldfastError("data_dir_unusable", `${path}: ${reason}`, { path, reason }, cause);
}
