// Checkpoints in an SQLite file in the user's state directory, shared by every process of this user.
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import type { CheckpointStore } from "../ports.ts";
import { errnoOf, messageOf } from "./errno.ts";
import { claimKey } from "./owner.ts";

/** How long one process waits for another's write, in milliseconds: each takes one flush. */
const BUSY_MS = 10_000;

/** Servers forget an upload that is not gone on with much sooner; a checkpoint this old names nothing any more. */
const KEPT_MS: number = 30 * 24 * 60 * 60 * 1000;

/** FULL: a checkpoint that `save` has answered survives power loss, or the upload it names could not be found again. */
const PRAGMAS = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
const SCHEMA = `CREATE TABLE IF NOT EXISTS checkpoints (
  key TEXT PRIMARY KEY, value TEXT NOT NULL, saved_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID`;

/** While many are saved one after another, those that come this close together share a flush; in milliseconds. */
const GROUP_MS = 5;
const BUSY_SPELL_MS = 50;

interface Waiting {
  readonly key: string;
  readonly value: string;
  resolve(): void;
  reject(error: unknown): void;
}

export interface CheckpointParts {
  readonly directory: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Opens nothing yet: what goes wrong is told by the call that meets it. */
export function createCheckpointStore({ directory, now }: CheckpointParts): CheckpointStore {
  const path = join(directory, "checkpoints.sqlite");
  const listeners = new Set<(detail: string) => void>();
  const waiting: Waiting[] = [];
  let held: DatabaseSync | undefined;
  let timer: NodeJS.Timeout | undefined;
  let flushedAt = Number.NEGATIVE_INFINITY;

  /** Runs a statement; a damaged file is moved aside once and begun anew, since it holds nothing that the servers do not know better. */
  function use<T>(task: (database: DatabaseSync) => T): T {
    try {
      held ??= openDatabase(directory, path, now());
      return task(held);
    } catch (error) {
      close();
      if (!isDamage(error)) throw failed(error);
    }
    try {
      const aside = moveAside(path, now());
      const detail = `the checkpoints were damaged and are begun anew; the damaged file is ${aside}`;
      for (const listener of listeners) listener(detail);
      held = openDatabase(directory, path, now());
      return task(held);
    } catch (error) {
      close();
      throw failed(error);
    }
  }

  /** One transaction, and so one flush of the disk, for all that wait. */
  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    const group = waiting.splice(0);
    if (group.length === 0) return;
    try {
      use((database) => write(database, group, Math.floor(now())));
      for (const { resolve } of group) resolve();
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
    flushedAt = now();
  }

  /** Whoever reads sees what was saved before. */
  function settled<T>(task: (database: DatabaseSync) => T): T {
    flush();
    return use(task);
  }

  function close(): void {
    const database = held;
    held = undefined;
    if (database?.isOpen) database.close();
  }

  return {
    load: async (key) =>
      settled((database) => {
        const row = database.prepare("SELECT value FROM checkpoints WHERE key = ?").get(key);
        const value = row?.["value"];
        return typeof value === "string" ? value : undefined;
      }),
    save: (key, value) =>
      new Promise((resolve, reject) => {
        waiting.push({ key, value, resolve, reject });
        timer ??= setTimeout(flush, now() - flushedAt < BUSY_SPELL_MS ? GROUP_MS : 0);
      }),
    list: async () =>
      settled((database) =>
        database
          .prepare("SELECT key, value, saved_at FROM checkpoints ORDER BY saved_at, key")
          .all()
          .map((row) => ({
            key: String(row["key"]),
            value: String(row["value"]),
            savedAt: Number(row["saved_at"]),
          })),
      ),
    remove: async (key) =>
      settled((database) => {
        database.prepare("DELETE FROM checkpoints WHERE key = ?").run(key);
      }),
    claim: async (key) => claimKey(directory, key),
    onDamage(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      flush();
      close();
    },
  };
}

function write(database: DatabaseSync, group: readonly Waiting[], at: number): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    const insert = database.prepare(
      "INSERT OR REPLACE INTO checkpoints (key, value, saved_at) VALUES (?, ?, ?)",
    );
    for (const { key, value } of group) insert.run(key, value, at);
    database.exec("COMMIT");
  } catch (error) {
    if (database.isOpen && database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

function openDatabase(directory: string, path: string, now: number): DatabaseSync {
  // What is uploaded, and the ids that let one write to it, are nobody else's business.
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    database.exec(PRAGMAS);
    database.exec(SCHEMA);
    // Once for each process: there is no index by time, and there may be tens of thousands.
    database.prepare("DELETE FROM checkpoints WHERE saved_at < ?").run(Math.floor(now) - KEPT_MS);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_FORMAT; their extended codes have them in the low byte. */
const DAMAGE: ReadonlySet<number> = new Set([11, 24, 26]);

function isDamage(error: unknown): boolean {
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

function failed(error: unknown): HoldfastError {
  if (isHoldfastError(error)) return error;
  const details = { cause: errnoOf(error) };
  return new HoldfastError("checkpoint_failed", messageOf(error), details, error);
}
