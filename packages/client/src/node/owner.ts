// The claim on a source or a sink: a kernel lock that dies with its process.
import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import type { Holder } from "../ports.ts";
import { errnoOf, messageOf } from "./errno.ts";
import { makeDirectory } from "./make-directory.ts";

/** A lock file may be removed by its last owner just as it is opened, and by hundreds of owners in a row where many come and go; for seconds on end it is something else. */
const REMOVED_FOR_MS = 5000;

/** Somebody may only look whether it is held, which takes no longer; in milliseconds. */
const LOOK_MS = 50;

/** SQLITE_BUSY, SQLITE_LOCKED; their extended codes have them in the low byte. */
const BUSY: ReadonlySet<number> = new Set([5, 6]);

/** Folders of lock files, as they were made, by the directory that they are in: a command with ten thousand files asks for one ten thousand times. */
const folders = new Map<string, string>();

/** Lock files that this process holds. Whoever closes one, in whatever part of the process, drops the kernel's lock on it: a second claim must not even open it. What is open is named here, so that a claim lasts where nobody keeps its release: a database that is collected closes itself. */
const held = new Map<string, DatabaseSync>();

/**
 * Takes the claim on a key: an exclusive transaction held open on an SQLite file of its own, so that the kernel ends it with the process. Blocks this thread for `waitMs`
 * at most where another process has it.
 *
 * @throws HoldfastError `transfer_busy` where somebody has it (`details.pid` says who, if that is known), `checkpoint_failed` where there can be no lock file.
 */
export function claimKey(directory: string, key: string, waitMs: number = LOOK_MS): () => void {
  let path: string | undefined;
  try {
    const since = performance.now();
    while (performance.now() - since < REMOVED_FOR_MS + waitMs) {
      path = lockPath(directory, key);
      if (held.has(path)) throw busy({ pid: process.pid, isUs: true });
      const release = lock(path, waitMs);
      if (release) return release;
      // Perhaps it was not the file alone that somebody has removed.
      folders.delete(directory);
    }
    throw new Error(`${path} is removed again and again`);
  } catch (error) {
    if (isHoldfastError(error)) throw error;
    if (path !== undefined && isBusy(error)) throw busy({ pid: readHolder(path) }, error);
    throw new HoldfastError("checkpoint_failed", messageOf(error), {}, error);
  }
}

/** Who has the claim on a key, or undefined where nobody has. @throws HoldfastError `checkpoint_failed` */
export function holderOf(directory: string, key: string): Holder | undefined {
  try {
    const path = lockPath(directory, key);
    if (held.has(path)) return { pid: process.pid };
    // What a process that was killed has left behind is locked by nobody.
    return isLocked(path) ? { pid: readHolder(path) } : undefined;
  } catch (error) {
    throw new HoldfastError("checkpoint_failed", messageOf(error), {}, error);
  }
}

/** The number of another one may be ours too: in a container of its own, or left behind by one that has just let go. */
function busy(
  { pid, isUs = false }: { readonly pid: number | undefined; readonly isUs?: boolean },
  cause?: unknown,
): HoldfastError {
  const who = isUs ? "this process" : `process ${pid}`;
  const what = pid === undefined ? undefined : `${who} is at this transfer already`;
  return new HoldfastError("transfer_busy", what, pid === undefined ? {} : { pid }, cause);
}

function lockPath(directory: string, key: string): string {
  return join(folders.get(directory) ?? makeFolder(directory), `${key}.lock`);
}

function makeFolder(directory: string): string {
  const folder = join(directory, "claims");
  makeDirectory(folder, 0o700);
  const real = realpathSync(folder);
  folders.set(directory, real);
  return real;
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
function lock(path: string, waitMs: number): (() => void) | undefined {
  const opened = openSame(path, waitMs);
  if (!opened) return undefined;
  const { database, inode } = opened;
  try {
    database.exec("BEGIN EXCLUSIVE");
    if (inode !== inodeOf(path)) {
      database.close();
      return undefined;
    }
    // Only names the holder; the lock is what counts.
    writeFileSync(holderPath(path), String(process.pid), { mode: 0o600 });
  } catch (error) {
    database.close();
    if (hasLostName(error)) return undefined;
    throw error;
  }
  held.set(path, database);
  return () => release(database, path, inode);
}

/** The file open in SQLite, with its inode. A number goes to the next file once nobody has the last one open, so that one of the two always has. */
function openSame(
  path: string,
  waitMs: number,
): { readonly database: DatabaseSync; readonly inode: bigint } | undefined {
  const descriptor = openOrMake(path);
  if (descriptor === undefined) return undefined;
  try {
    const { ino: inode } = fstatSync(descriptor, { bigint: true });
    const database = new DatabaseSync(path, { timeout: waitMs });
    if (inode === inodeOf(path)) return { database, inode };
    database.close();
    return undefined;
  } finally {
    // Before there is a lock, which would go with it.
    closeSync(descriptor);
  }
}

/** Undefined where there is no folder for it any more. */
function openOrMake(path: string): number | undefined {
  try {
    return openSync(path, "a", 0o600);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** SQLITE_IOERR_FSTAT: SQLite asks for a file by its name after it has opened it. */
function hasLostName(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === 1802;
}

/** Takes the lock for the moment that it takes to find out. */
function isLocked(path: string): boolean {
  if (inodeOf(path) === undefined) return false;
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    // Let go, and removed, at this moment.
    if (hasLostName(error)) return false;
    throw error;
  } finally {
    database.close();
  }
}

function holderPath(path: string): string {
  return `${path}.pid`;
}

function readHolder(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(holderPath(path), "latin1"));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

export function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}

/** The file is removed under the lock, so that whoever waits for it finds out; Windows removes no open files, so there it stays. */
function release(database: DatabaseSync, path: string, inode: bigint): void {
  if (!database.isOpen) return;
  try {
    // Where somebody has removed the file, what has its name now is the claim of another process.
    if (inode === inodeOf(path)) {
      rmSync(holderPath(path), { force: true });
      if (process.platform !== "win32") rmSync(path, { force: true });
    }
  } finally {
    database.close();
    held.delete(path);
  }
}
