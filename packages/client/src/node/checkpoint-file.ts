// The SQLite file that checkpoints are kept in: how it is opened, and begun anew where it is damaged.
import { openSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { HoldfastError, toHoldfastError } from "@holdfast/protocol";
import { makeDirectory } from "./make-directory.ts";
import { claimKey, inodeOf } from "./owner.ts";

/** How long one process waits for another's write, in milliseconds. */
const BUSY_MS = 10_000;

/** Servers forget an upload that is not gone on with much sooner; a checkpoint this old names nothing any more. */
const KEPT_MS: number = 30 * 24 * 60 * 60 * 1000;

/** A clock may be wrong by years, now or when something was saved: what seems that old is only removed if it still does so much later, in milliseconds. By then no server has it. */
const DOUBTED_MS: number = 2 * 24 * 60 * 60 * 1000;

const SCHEMA = `CREATE TABLE IF NOT EXISTS checkpoints (
  key TEXT PRIMARY KEY, value TEXT NOT NULL, saved_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS doubted (
  key TEXT PRIMARY KEY, since INTEGER NOT NULL
) STRICT, WITHOUT ROWID`;

/** Names the claim under which the file is opened, or moved away: no key of a checkpoint looks like it. */
const PLACE_KEY = "checkpoints";

export interface CheckpointFile {
  readonly database: DatabaseSync;
  readonly load: StatementSync;
  readonly insert: StatementSync;
  readonly remove: StatementSync;
  /** The write-ahead log, for flushing it off the event loop; undefined where each commit flushes by itself. */
  readonly log: number | undefined;
  /** Of the file as it was opened: another one may have taken its name since. */
  readonly inode: bigint | undefined;
}

/** What was opened, and where a damaged file went that had to make room for it. */
export interface Opened {
  readonly file: CheckpointFile;
  readonly aside: string | undefined;
}

export function checkpointPath(directory: string): string {
  return join(directory, "checkpoints.sqlite");
}

/**
 * Opens the file, which is begun anew where it is damaged, since it holds nothing that the servers do not know better. `damaged` is the inode of one that was found to be so; if it has
 * lost its name meanwhile, another process has moved it, and what is there now is not touched: opening and moving happen under one lock.
 */
export function openCheckpointFile(
  directory: string,
  { now, damaged }: { readonly now: number; readonly damaged?: bigint },
): Opened {
  // What is uploaded, and the ids that let one write to it, are nobody else's business.
  makeDirectory(directory, 0o700);
  const path = checkpointPath(directory);
  const release = takePlace(directory);
  try {
    if (damaged !== undefined && damaged === inodeOf(path)) {
      const aside = moveAside(path, now);
      return { file: open(path, now), aside };
    }
    try {
      return { file: open(path, now), aside: undefined };
    } catch (error) {
      if (!isDamage(error)) throw error;
    }
    const aside = moveAside(path, now);
    return { file: open(path, now), aside };
  } finally {
    release();
  }
}

function takePlace(directory: string): () => void {
  try {
    return claimKey(directory, PLACE_KEY, BUSY_MS);
  } catch (error) {
    const { code, message, details } = toHoldfastError(error);
    // It is the checkpoints that cannot be used, not the transfer that somebody else is at.
    const what =
      code === "transfer_busy" ? "another process keeps the checkpoints closed" : message;
    throw new HoldfastError("checkpoint_failed", what, details, error);
  }
}

function open(path: string, now: number): CheckpointFile {
  const database = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    const mode = database.prepare("PRAGMA journal_mode = WAL").get()?.["journal_mode"];
    // A checkpoint that `save` has answered survives power loss: whoever saves flushes the log itself. Without a log the commit does.
    const isLogged = mode === "wal" && process.platform !== "win32";
    database.exec(`PRAGMA synchronous = ${isLogged ? "NORMAL" : "FULL"}`);
    database.exec(SCHEMA);
    // Once for each process: there is no index by time, and there may be tens of thousands.
    sweep(database, Math.floor(now));
    return {
      database,
      load: database.prepare("SELECT value FROM checkpoints WHERE key = ?"),
      insert: database.prepare(
        "INSERT OR REPLACE INTO checkpoints (key, value, saved_at) VALUES (?, ?, ?)",
      ),
      remove: database.prepare("DELETE FROM checkpoints WHERE key = ?"),
      // There from the first read on, and for as long as the file is open.
      log: isLogged ? openSync(`${path}-wal`, "r+") : undefined,
      inode: inodeOf(path),
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** What is there stays too if this is cut short: the next process does it again. In one commit: other processes wait for it. */
function sweep(database: DatabaseSync, now: number): void {
  const old = "SELECT key FROM checkpoints WHERE saved_at < :until";
  const ended = "SELECT key FROM doubted WHERE since < :ended";
  const until = now - KEPT_MS;
  const doubtedUntil = { ended: now - DOUBTED_MS };
  database.exec("BEGIN IMMEDIATE");
  // Of what was saved again since, there is no doubt any more.
  database.prepare(`DELETE FROM doubted WHERE key NOT IN (${old})`).run({ until });
  database.prepare(`DELETE FROM checkpoints WHERE key IN (${ended})`).run(doubtedUntil);
  database.prepare("DELETE FROM doubted WHERE since < :ended").run(doubtedUntil);
  // A doubt from the future comes from a clock that was wrong.
  database.prepare("UPDATE doubted SET since = :now WHERE since > :now").run({ now });
  const doubt = `INSERT OR IGNORE INTO doubted SELECT key, :now FROM checkpoints WHERE saved_at < :until`;
  database.prepare(doubt).run({ now, until });
  database.exec("COMMIT");
}

/** SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_FORMAT; their extended codes have them in the low byte. */
const DAMAGE: ReadonlySet<number> = new Set([11, 24, 26]);

export function isDamage(error: unknown): boolean {
  return (
    error instanceof Error &&
    "errcode" in error &&
    typeof error.errcode === "number" &&
    DAMAGE.has(error.errcode & 0xff)
  );
}

function moveAside(path: string, now: number): string {
  const aside = `${path}.damaged-${Math.floor(now)}`;
  renameSync(path, aside);
  for (const suffix of ["-wal", "-shm"]) rmSync(`${path}${suffix}`, { force: true });
  return aside;
}
