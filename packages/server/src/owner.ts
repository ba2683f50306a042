// One owner per data directory: a kernel lock decides who it is, a text file beside it only names it.
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { HoldfastError } from "@holdfast/protocol";

const LOCK_FILE = "owner.lock";
const HOLDER_FILE = "owner.json";
const SQLITE_BUSY = 5;

/** The right to use a data directory. The kernel ends it with the process, however that ends. */
export interface Owner {
  /** Absolute. */
  readonly directory: string;
  /** Tells whoever comes next where the server listens. */
  announce(url: string): void;
  /** Gives the directory free. May be repeated. */
  release(): void;
}

/** What stands in the file that names the holder. */
interface Holder {
  readonly pid: number;
  readonly startedAt: string;
  readonly url?: string;
}

/** Locks that are held. A lock that nothing refers to would be closed by the garbage collector, and the directory given free behind the server's back. */
const held = new Set<DatabaseSync>();

/**
 * Makes the data directory where there is none, and takes it for this process.
 *
 * @throws HoldfastError `data_dir_busy` where another process has it, with `details.holder` naming that; `data_dir_unusable` where it cannot be used, with the
 * reason in words.
 */
export function takeOwnership(path: string, now: Date): Owner {
  const directory = resolve(path);
  prepareDirectory(directory);
  const lock = takeLock(directory);
  const holder: Holder = { pid: process.pid, startedAt: now.toISOString() };
  held.add(lock);

  function release(): void {
    if (!held.delete(lock)) return;
    removeQuietly(join(directory, HOLDER_FILE));
    lock.close();
  }

  // What one that was killed has left: where ours cannot be written, no name is better than that.
  removeQuietly(join(directory, HOLDER_FILE));
  writeHolder(directory, holder);
  return {
    directory,
    announce: (url) => writeHolder(directory, { ...holder, url }),
    release,
  };
}

/** A directory that is there, and durably so, and that this process may read and write. */
function prepareDirectory(directory: string): void {
  try {
    const isNew = makeDirectory(directory);
    if (!statSync(directory).isDirectory()) throw reasoned("it is not a directory");
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    syncDirectory(directory);
    syncParent(directory, isNew);
  } catch (cause) {
    throw unusable(directory, cause);
  }
}

/** Returns whether it was not there. Only its owner may look into a new one: uploads are nobody else's business. */
function makeDirectory(directory: string): boolean {
  const parent = dirname(directory);
  try {
    mkdirSync(directory, { mode: 0o700 });
    return true;
  } catch (cause) {
    switch (codeOf(cause)) {
      case "EEXIST":
        return false;
      case "ENOENT":
        // Some file systems, such as /proc, say the same of a directory that they do not take.
        if (existsSync(parent)) throw reasoned(`nothing can be made in ${parent}`, cause);
        throw reasoned(`${parent} does not exist`, cause);
      case "ENOTDIR":
        throw reasoned(`${parent} is not a directory`, cause);
      case "EACCES":
        throw reasoned(`this user may not make it in ${parent}`, cause);
      default:
        throw cause;
    }
  }
}

/** At each start, since a crash may have come between making the directory and flushing its entry. A parent that may not be read is left to whoever made this directory in it. */
function syncParent(directory: string, isNew: boolean): void {
  const parent = dirname(directory);
  try {
    syncDirectory(parent);
  } catch (cause) {
    if (codeOf(cause) !== "EACCES") throw cause;
    if (!isNew) return;
    rmdirSync(directory);
    throw reasoned(`this user may not read ${parent}, to flush its entry there`, cause);
  }
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The lock is an exclusive transaction on an SQLite file that stays empty: the kernel drops it when the process is gone.
 *
 * Nothing else may ever open that file in this process: closing any descriptor of a file drops all POSIX locks that the process has on it.
 */
function takeLock(directory: string): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(join(directory, LOCK_FILE), { timeout: 0 });
    // A journal on the disk would want room, and a server must start where there is none.
    lock.exec("PRAGMA locking_mode = NORMAL; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return lock;
  } catch (cause) {
    lock?.close();
    if (!isBusy(cause)) throw unusable(directory, cause);
    const holder = describeHolder(directory);
    const message = `${directory} is in use by ${holder}`;
    throw new HoldfastError("data_dir_busy", message, { path: directory, holder }, cause);
  }
}

function isBusy(cause: unknown): boolean {
  if (!(cause instanceof Error) || !("errcode" in cause)) return false;
  return typeof cause.errcode === "number" && (cause.errcode & 0xff) === SQLITE_BUSY;
}

/**
 * Whole or not at all, since another process may read it at any moment. It need not survive anything: it says who is there now.
 * Where it cannot be written, as on a full disk, the directory is held all the same, and what is stored there can be read.
 */
function writeHolder(directory: string, holder: Holder): void {
  const path = join(directory, HOLDER_FILE);
  try {
    writeFileSync(`${path}.new`, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  } catch {
    removeQuietly(`${path}.new`);
  }
}

/** For what decides nothing. */
function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    return;
  }
}

/** The holder in words; what its file says is for people and decides nothing. */
function describeHolder(directory: string): string {
  const holder = readHolder(join(directory, HOLDER_FILE));
  if (!holder.has("pid")) return "another process";
  const words = [`process ${holder.get("pid")}`];
  if (holder.has("url")) words.push(`${holder.get("url")}`);
  if (holder.has("startedAt")) words.push(`since ${holder.get("startedAt")}`);
  return words.join(", ");
}

function readHolder(path: string): ReadonlyMap<string, unknown> {
  try {
    const holder: unknown = JSON.parse(readFileSync(path, "utf8"));
    return new Map(typeof holder === "object" && holder !== null ? Object.entries(holder) : []);
  } catch {
    return new Map();
  }
}

const REASONS: ReadonlyMap<string | undefined, string> = new Map([
  ["EACCES", "this user may not read and write in it"],
  ["EPERM", "this user may not read and write in it"],
  ["EROFS", "its file system is read-only"],
  ["ENOTDIR", "part of the path is not a directory"],
  ["ENOENT", "it does not exist"],
  ["ELOOP", "its links lead in a circle"],
  ["ENAMETOOLONG", "the path is too long"],
  ["ENOSPC", "there is no room on its file system"],
  ["EDQUOT", "this user's quota is used up"],
  ["EIO", "its disk fails"],
]);

function unusable(directory: string, cause: unknown): HoldfastError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const reason = REASONS.get(codeOf(cause)) ?? message;
  const details = { path: directory, reason };
  return new HoldfastError("data_dir_unusable", `${directory}: ${reason}`, details, cause);
}

function reasoned(reason: string, cause?: unknown): Error {
  return new Error(reason, { cause });
}

function codeOf(cause: unknown): string | undefined {
  if (!(cause instanceof Error) || !("code" in cause)) return undefined;
  return typeof cause.code === "string" ? cause.code : undefined;
}
