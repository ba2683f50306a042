// The tables, how they came to be, and how the file that holds them is opened for writing.
import { closeSync, fsyncSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type SQLOutputValue } from "node:sqlite";
import { HoldfastError } from "@holdfast/protocol";
import { failureOf } from "./failure.ts";

/**
 * Each entry takes the tables from the version of its index to the next one. What stands here never changes: a new version is a new entry.
 *
 * Uploads have a number of their own besides the id, so that the part pages of an upload lie together and their keys are short. What is counted is kept by
 * triggers in the transaction that changes it, since a count over a million rows is a scan. A file keeps its upload's id as a text, because it
 * outlives the upload's record; that it is unique is what makes an upload publish once.
 */
export const MIGRATIONS: readonly string[] = [
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
  `
  ALTER TABLE uploads ADD COLUMN has_size INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE uploads ADD COLUMN has_told_offset INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE uploads ADD COLUMN verify TEXT NOT NULL DEFAULT 'parts';
  ALTER TABLE uploads ADD COLUMN sha256 BLOB;
  ALTER TABLE uploads ADD COLUMN key_name BLOB;
  ALTER TABLE uploads ADD COLUMN key_request BLOB;
  ALTER TABLE uploads ADD COLUMN ended_at INTEGER;
  -- What it counts for in the usage of its principal until it has ended, in KiB: sums of bytes would not fit into 64 bits.
  ALTER TABLE uploads ADD COLUMN reserved_kib INTEGER NOT NULL DEFAULT 0;
  UPDATE uploads SET reserved_kib = (size + 1023) / 1024,
    ended_at = iif(state IN ('open', 'completing'), NULL, expires_at);
  CREATE UNIQUE INDEX uploads_key ON uploads (tenant, principal, key_name)
    WHERE key_name IS NOT NULL;
  DROP INDEX uploads_completing;
  DROP INDEX uploads_uncleared;
  CREATE INDEX uploads_completing ON uploads (expires_at, id) WHERE state = 'completing';
  CREATE INDEX uploads_expired ON uploads (expires_at, id) WHERE state = 'open';
  CREATE INDEX uploads_uncleared ON uploads (ended_at, id)
    WHERE has_bytes = 1 AND state IN ('aborted', 'expired', 'failed');
  CREATE INDEX uploads_ended ON uploads (ended_at, id) WHERE ended_at IS NOT NULL;

  -- In a table of its own: a fragment has up to 4095 bytes, and most uploads never have one.
  CREATE TABLE tails (
    upload INTEGER PRIMARY KEY REFERENCES uploads (seq) ON DELETE CASCADE,
    tail_index INTEGER NOT NULL,
    tail_size INTEGER NOT NULL,
    tail_digest BLOB NOT NULL,
    tail_fragment BLOB NOT NULL
  ) STRICT;

  ALTER TABLE files ADD COLUMN sha256 BLOB;
  ALTER TABLE files ADD COLUMN state TEXT NOT NULL DEFAULT 'available';
  CREATE INDEX files_available ON files (tenant, created_at, id) WHERE state = 'available';
  CREATE INDEX files_deleting ON files (created_at, upload_id) WHERE state = 'deleting';

  DROP TRIGGER upload_created;
  DROP TRIGGER upload_moved;
  DROP TRIGGER upload_removed;
  DROP TRIGGER file_published;
  DROP TRIGGER file_removed;
  DROP TABLE counters;
  -- The sums over everybody stand under the empty tenant, which nobody has.
  CREATE TABLE usage (
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    open INTEGER NOT NULL,
    kib INTEGER NOT NULL,
    files INTEGER NOT NULL,
    PRIMARY KEY (tenant, principal)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO usage SELECT tenant, principal, sum(open), sum(kib), sum(files) FROM (
    SELECT '' AS tenant, '' AS principal, 0 AS open, 0 AS kib, 0 AS files
    UNION ALL SELECT tenant, principal, 1, reserved_kib, 0 FROM uploads
      WHERE state IN ('open', 'completing')
    UNION ALL SELECT '', '', 1, reserved_kib, 0 FROM uploads
      WHERE state IN ('open', 'completing')
    UNION ALL SELECT tenant, principal, 0, (size + 1023) / 1024, 1 FROM files
    UNION ALL SELECT '', '', 0, (size + 1023) / 1024, 1 FROM files
  ) GROUP BY tenant, principal;
  CREATE TRIGGER upload_begun AFTER INSERT ON uploads
    WHEN NEW.state IN ('open', 'completing') BEGIN
    INSERT INTO usage VALUES ('', '', 1, NEW.reserved_kib, 0),
      (NEW.tenant, NEW.principal, 1, NEW.reserved_kib, 0)
      ON CONFLICT DO UPDATE SET open = open + 1, kib = kib + excluded.kib;
  END;
  CREATE TRIGGER upload_resized AFTER UPDATE OF reserved_kib ON uploads
    WHEN NEW.state IN ('open', 'completing') BEGIN
    UPDATE usage SET kib = kib + NEW.reserved_kib - OLD.reserved_kib
      WHERE (tenant = '' AND principal = '')
        OR (tenant = NEW.tenant AND principal = NEW.principal);
  END;
  CREATE TRIGGER upload_over AFTER UPDATE OF state ON uploads
    WHEN OLD.state IN ('open', 'completing') AND NEW.state NOT IN ('open', 'completing') BEGIN
    UPDATE usage SET open = open - 1, kib = kib - OLD.reserved_kib
      WHERE (tenant = '' AND principal = '')
        OR (tenant = NEW.tenant AND principal = NEW.principal);
  END;
  CREATE TRIGGER upload_removed AFTER DELETE ON uploads
    WHEN OLD.state IN ('open', 'completing') BEGIN
    UPDATE usage SET open = open - 1, kib = kib - OLD.reserved_kib
      WHERE (tenant = '' AND principal = '')
        OR (tenant = OLD.tenant AND principal = OLD.principal);
  END;
  CREATE TRIGGER file_published AFTER INSERT ON files BEGIN
    INSERT INTO usage VALUES ('', '', 0, (NEW.size + 1023) / 1024, 1),
      (NEW.tenant, NEW.principal, 0, (NEW.size + 1023) / 1024, 1)
      ON CONFLICT DO UPDATE SET files = files + 1, kib = kib + excluded.kib;
  END;
  CREATE TRIGGER file_hidden AFTER UPDATE OF state ON files
    WHEN OLD.state = 'available' AND NEW.state <> 'available' BEGIN
    UPDATE usage SET files = files - 1
      WHERE (tenant = '' AND principal = '')
        OR (tenant = NEW.tenant AND principal = NEW.principal);
  END;
  CREATE TRIGGER file_removed AFTER DELETE ON files BEGIN
    UPDATE usage SET files = files - (OLD.state = 'available'),
      kib = kib - (OLD.size + 1023) / 1024
      WHERE (tenant = '' AND principal = '')
        OR (tenant = OLD.tenant AND principal = OLD.principal);
  END;
  `,
  `
  ALTER TABLE uploads ADD COLUMN sealed_sha256 BLOB;
  `,
  `
  ALTER TABLE files ADD COLUMN manifest BLOB;
  `,
  `
  -- Whoever is to be told is told within days. Each new entry takes two old ones along, so that the table shrinks to a week's and no change ever takes long.
  CREATE TRIGGER outbox_trimmed AFTER INSERT ON outbox BEGIN
    DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox ORDER BY seq LIMIT 2)
      AND at < NEW.at - 604800000;
  END;
  `,
  `
  ALTER TABLE uploads ADD COLUMN place TEXT;
  ALTER TABLE files ADD COLUMN place TEXT;
  ALTER TABLE tails ADD COLUMN tail_objects TEXT;
  -- The parts that are bound to a digest. NULL where those are the committed ones, as in every page that was written before.
  ALTER TABLE part_pages ADD COLUMN bound BLOB;
  `,
  `
  ALTER TABLE uploads ADD COLUMN protocol TEXT;
  `,
  `
  ALTER TABLE uploads ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE uploads ADD COLUMN claim_token INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE uploads ADD COLUMN claim_holder TEXT;
  ALTER TABLE uploads ADD COLUMN claim_until INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE uploads ADD COLUMN claim_wanted_at INTEGER;
  `,
  `
  ALTER TABLE uploads ADD COLUMN role TEXT;
  ALTER TABLE uploads ADD COLUMN note TEXT;
  `,
  `
  ALTER TABLE uploads ADD COLUMN home TEXT;
  ALTER TABLE files ADD COLUMN home TEXT;
  `,
  `
  ALTER TABLE uploads ADD COLUMN revoked TEXT;
  ALTER TABLE files ADD COLUMN notes TEXT;
  ALTER TABLE files ADD COLUMN is_damaged INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX files_damaged ON files (created_at, upload_id)
    WHERE is_damaged = 1 AND state = 'available';
  `,
];

/** The version of the tables that this program reads and writes. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

/** Milliseconds to wait for a lock that somebody else holds, such as an operator's shell. */
const BUSY_TIMEOUT_MS = 5000;
const WAL_SIZE_KEPT: number = 16 * 1024 * 1024;
/** Filled as it is needed: the index of a million ids takes half of it, and a lookup that misses it costs more than all the rest of a commit. */
export const CACHE_KIB: number = 64 * 1024;
/** Pages of the log that are moved into the tables in one go: among many uploads each commit touches pages of its own, and moving few at a time never ends. */
const CHECKPOINT_PAGES = 4000;

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
    PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
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
