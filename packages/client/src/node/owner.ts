// The claim on a source or a sink: a kernel lock that dies with its process.
import { closeSync, mkdirSync, openSync, realpathSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import { messageOf } from "./errno.ts";

/** A lock file may be removed by its last owner just as it is opened; more than a few times in a row is something else. */
const TRIES = 10;

/** SQLITE_BUSY, SQLITE_LOCKED; their extended codes have them in the low byte. */
const BUSY: ReadonlySet<number> = new Set([5, 6]);

/** Lock files that this process holds. Whoever closes one, in whatever part of the process, drops the kernel's lock on it: a second claim must not even open it. */
const held = new Set<string>();

/**
 * Takes the claim on a key: an exclusive transaction held open on an SQLite file of its own, so that the kernel ends it with the process.
 *
 * @throws HoldfastError `transfer_busy` where somebody has it, `checkpoint_failed` where there can be no lock file.
 */
export function claimKey(directory: string, key: string): () => void {
  const folder = join(directory, "claims");
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const path = join(realpathSync(folder), `${key}.lock`);
    if (held.has(path)) throw new HoldfastError("transfer_busy");
    for (let tries = 0; tries < TRIES; tries++) {
      const release = lock(path);
      if (release) return release;
    }
    throw new Error(`${path} is removed again and again`);
  } catch (error) {
    if (isHoldfastError(error)) throw error;
    if (isBusy(error)) throw new HoldfastError("transfer_busy", undefined, {}, error);
    throw new HoldfastError("checkpoint_failed", messageOf(error), {}, error);
  }
}

function isBusy(error: unknown): boolean {
  return (
    error instanceof Error &&
    "errcode" in error &&
    typeof error.errcode === "number" &&
    BUSY.has(error.errcode & 0xff)
  );
}

/** Undefined where what was locked is not what has the name any more: its last owner removed it meanwhile. */
function lock(path: string): (() => void) | undefined {
  closeSync(openSync(path, "a", 0o600));
  const before = inodeOf(path);
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    throw error;
  }
  if (before === undefined || before !== inodeOf(path)) {
    database.close();
    return undefined;
  }
  held.add(path);
  return () => release(database, path);
}

function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}

/** The file is removed under the lock, so that whoever waits for it finds out; Windows removes no open files, so there it stays. */
function release(database: DatabaseSync, path: string): void {
  if (!database.isOpen) return;
  try {
    if (process.platform !== "win32") rmSync(path, { force: true });
  } finally {
    database.close();
    held.delete(path);
  }
}
