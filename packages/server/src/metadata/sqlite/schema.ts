// The tables, how they came to be, and how the file that holds them is opened for writing.
import { closeSync, fsyncSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type SQLOutputValue } from "node:sqlite";
import { HoldfastError } from "@holdfast/protocol";
import { failureOf } from "./failure.ts";

/**
 * Each entry takes the tables from the version of its index to the next one. What stands here never changes: a new version is a new entry.
 *
 * Uploads have a number of their own besides the id, so that the part pages of an upload lie together and their keys are short. The counters are kept by
 * triggers in the transaction that changes what they count, since a count over a million rows is a scan. A file keeps its upload's id as a text, because it
 * outlives the upload's record; that it is unique is what makes an upload publish once.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE uploads (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    has_bytes INTEGER NOT NULL,
    file_id TEXT,
    error_code TEXT,
    error_detail TEXT,
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    size INTEGER NOT NULL,
    part_size INTEGER NOT NULL,
    algorithm TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    metadata TEXT NOT NULL
  ) STRICT;
  CREATE INDEX uploads_completing ON uploads (id) WHERE state = 'completing';
  CREATE INDEX uploads_uncleared ON uploads (id)
    WHERE has_bytes = 1 AND state IN ('aborted', 'expired', 'failed');

  CREATE TABLE part_pages (
    upload INTEGER NOT NULL REFERENCES uploads (seq) ON DELETE CASCADE,
    page INTEGER NOT NULL,
    bits BLOB NOT NULL,
    digests BLOB NOT NULL,
    PRIMARY KEY (upload, page)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE files (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    upload_id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    size INTEGER NOT NULL,
    part_size INTEGER NOT NULL,
    algorithm TEXT NOT NULL,
    root BLOB NOT NULL,
    manifest_size INTEGER NOT NULL,
    manifest_digest BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL
  ) STRICT;

  CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    file_id TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO counters VALUES ('open', 0), ('files', 0);
  CREATE TRIGGER upload_created AFTER INSERT ON uploads WHEN NEW.state = 'open' BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'open';
  END;
  CREATE TRIGGER upload_moved AFTER UPDATE OF state ON uploads WHEN OLD.state <> NEW.state BEGIN
    UPDATE counters SET value = value + (NEW.state = 'open') - (OLD.state = 'open')
      WHERE name = 'open';
  END;
  CREATE TRIGGER upload_removed AFTER DELETE ON uploads WHEN OLD.state = 'open' BEGIN
    UPDATE counters SET value = value - 1 WHERE name = 'open';
  END;
  CREATE TRIGGER file_published AFTER INSERT ON files BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'files';
  END;
  CREATE TRIGGER file_removed AFTER DELETE ON files BEGIN
    UPDATE counters SET value = value - 1 WHERE name = 'files';
  END;
  `,
];

/** The version of the tables that this program reads and writes. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

/** Milliseconds to wait for a lock that somebody else holds, such as an operator's shell. */
const BUSY_TIMEOUT_MS = 5000;
const WAL_SIZE_KEPT: number = 16 * 1024 * 1024;
const CACHE_KIB = 16 * 1024;

/**
 * Opens the records for writing, makes or migrates their tables, and makes the file's directory entry durable.
 *
 * @throws HoldfastError `data_dir_unusable` where the file cannot be used as it is: nothing in it was changed.
 */
export function openForWriting(path: string): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
    requireKnownVersion(db, path);
    configure(db, path);
    migrate(db);
    syncDirectory(dirname(path));
    return db;
  } catch (cause) {
    db?.close();
    if (cause instanceof HoldfastError) throw cause;
    const isFull = failureOf(cause).error.code === "storage_full";
    const reason = cause instanceof Error ? cause.message : "it cannot be opened";
    throw unusable(path, isFull ? "there is no room on its file system" : reason, cause);
  }
}

function requireKnownVersion(db: DatabaseSync, path: string): void {
  const version = versionOf(db);
  if (version > SCHEMA_VERSION) {
    const reason = `its records are of version ${version}; this program reads version ${SCHEMA_VERSION} and older: start the program that wrote them`;
    throw unusable(path, reason);
  }
  if (version === 0 && firstValue(db, "SELECT count(*) FROM sqlite_schema") !== 0) {
    throw unusable(path, "it is a database of another program");
  }
}

function versionOf(db: DatabaseSync): number {
  return Number(firstValue(db, "PRAGMA user_version"));
}

/** The first column of the first row. */
function firstValue(db: DatabaseSync, query: string): SQLOutputValue | undefined {
  return Object.values(db.prepare(query).get() ?? {})[0];
}

function configure(db: DatabaseSync, path: string): void {
  const mode = firstValue(db, "PRAGMA journal_mode = WAL");
  if (mode !== "wal") {
    throw unusable(path, "its file system has no shared memory for SQLite's log; use a local one");
  }
  // FULL flushes the log at each commit: with NORMAL, power loss takes acknowledged changes back. The two fullfsync lines do so on macOS, where fsync alone does not reach the disk.
  db.exec(`
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA journal_size_limit = ${WAL_SIZE_KEPT};
    PRAGMA cache_size = -${CACHE_KIB};
    PRAGMA temp_store = MEMORY;
  `);
}

function migrate(db: DatabaseSync): void {
  for (let version = versionOf(db); version < SCHEMA_VERSION; version++) {
    db.exec(`BEGIN IMMEDIATE; ${MIGRATIONS[version]} PRAGMA user_version = ${version + 1}; COMMIT`);
  }
}

/**
 * Moves what the log holds into the tables and flushes them. Needs room on the disk.
 *
 * A crash after a failed flush may leave commits in the log that are in the page cache but not on the disk. New commits must not be appended behind those:
 * after power loss the log would end before them. So this comes before the first one.
 */
export function settleLog(db: DatabaseSync): void {
  if (firstValue(db, "PRAGMA wal_checkpoint(TRUNCATE)") === 0) return;
  throw new HoldfastError("storage_failed", "another process is using the records");
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

export function unusable(path: string, reason: string, cause?: unknown): HoldfastError {
  const message = `${path} cannot be used: ${reason}`;
  return new HoldfastError("data_dir_unusable", message, { path, reason }, cause);
}
