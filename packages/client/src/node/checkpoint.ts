// Checkpoints in an SQLite file in the user's state directory, shared by every process of this user.
import { closeSync, fdatasync, fdatasyncSync } from "node:fs";
import { promisify } from "node:util";
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import type { CheckpointStore } from "../ports.ts";
import {
  type CheckpointFile,
  checkpointPath,
  isDamage,
  openCheckpointFile,
} from "./checkpoint-file.ts";
import { errnoOf, messageOf } from "./errno.ts";
import { claimKey, holderOf, inodeOf } from "./owner.ts";

const flushLog = promisify(fdatasync);

/** A change that waits for its turn; without a value it removes the key. */
interface Change {
  readonly key: string;
  readonly value: string | undefined;
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
  const path = checkpointPath(directory);
  const listeners = new Set<(detail: string) => void>();
  /** Damage that nobody was there to be told of. */
  const untold: string[] = [];
  const waiting: Change[] = [];
  let held: CheckpointFile | undefined;
  /** Committed, but not flushed yet. */
  const written: Change[] = [];
  let isFlushing = false;
  let flushing: number | undefined;

  /** Opens the file where it is not; `damaged` is one that must make room. */
  function open(damaged?: bigint): CheckpointFile {
    const { file, aside } = openCheckpointFile(directory, {
      now: now(),
      ...(damaged === undefined ? {} : { damaged }),
    });
    held = file;
    if (aside !== undefined) {
      tell(`the checkpoints were damaged and are begun anew; the damaged file is ${aside}`);
    }
    return file;
  }

  function tell(detail: string): void {
    const [listener] = listeners;
    if (listener) listener(detail);
    else untold.push(detail);
  }

  function use<T>(task: (file: CheckpointFile) => T): T {
    // What another process has moved aside, or somebody has removed, keeps nothing for anybody.
    if (held && held.inode !== inodeOf(path)) close();
    let damaged: bigint | undefined;
    try {
      try {
        return task(held ?? open());
      } catch (error) {
        damaged = held?.inode;
        close();
        if (!isDamage(error)) throw error;
      }
      return task(open(damaged));
    } catch (error) {
      close();
      throw failed(error);
    }
  }

  /** Writes all that waits, in one transaction. */
  function write(): void {
    const group = waiting.splice(0);
    if (group.length === 0) return;
    try {
      use((file) => commit(file, group, Math.floor(now())));
      written.push(...group);
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  /** One flush for all that has come while the one before it ran, and none of it on this thread. */
  async function flush(): Promise<void> {
    if (isFlushing) return;
    isFlushing = true;
    // Those that come in one turn go together.
    await Promise.resolve();
    for (write(); written.length > 0; write()) await flushWritten();
    isFlushing = false;
  }

  async function flushWritten(): Promise<void> {
    const group = written.splice(0);
    const log = held?.log;
    try {
      flushing = log;
      if (log !== undefined) await flushLog(log);
      settle(group);
    } catch (error) {
      for (const { reject } of group) reject(failed(error));
    } finally {
      flushing = undefined;
      // It was closed meanwhile, all but this descriptor, which nobody else was to get.
      if (log !== undefined && held?.log !== log) closeSync(log);
    }
  }

  function change(key: string, value: string | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      waiting.push({ key, value, resolve, reject });
      void flush();
    });
  }

  /** Whoever reads sees what was saved before. */
  function settled<T>(task: (file: CheckpointFile) => T): T {
    write();
    if (written.length > 0) void flush();
    return use(task);
  }

  /** What is committed and waits for its flush: once the log is closed, there is none any more. */
  function flushNow(log: number | undefined): void {
    const group = written.splice(0);
    const isFlushed = log === undefined || (group.length === 0 && flushing !== log);
    try {
      if (!isFlushed) fdatasyncSync(log);
      settle(group);
    } catch (error) {
      for (const { reject } of group) reject(failed(error));
    }
  }

  function settle(group: readonly Change[]): void {
    for (const { resolve } of group) resolve();
  }

  function close(): void {
    const file = held;
    held = undefined;
    if (!file) return;
    flushNow(file.log);
    if (file.log !== undefined && file.log !== flushing) closeSync(file.log);
    if (file.database.isOpen) file.database.close();
  }

  return {
    load: async (key) =>
      settled(({ load }) => {
        const value = load.get(key)?.["value"];
        return typeof value === "string" ? value : undefined;
      }),
    save: (key, value) => change(key, value),
    remove: (key) => change(key, undefined),
    list: async () =>
      settled(({ database }) =>
        database
          .prepare("SELECT key, value, saved_at FROM checkpoints ORDER BY saved_at, key")
          .all()
          .map((row) => ({
            key: String(row["key"]),
            value: String(row["value"]),
            savedAt: Number(row["saved_at"]),
          })),
      ),
    claim: async (key) => claimKey(directory, key),
    holder: async (key) => holderOf(directory, key),
    onDamage(listener) {
      listeners.add(listener);
      for (const detail of untold.splice(0)) listener(detail);
      return () => listeners.delete(listener);
    },
    close() {
      write();
      close();
    },
  };
}

function commit(
  { database, insert, remove }: CheckpointFile,
  group: readonly Change[],
  at: number,
): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    for (const { key, value } of group) {
      if (value === undefined) remove.run(key);
      else insert.run(key, value, at);
    }
    database.exec("COMMIT");
  } catch (error) {
    if (database.isOpen && database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

function failed(error: unknown): HoldfastError {
  if (isHoldfastError(error)) return error;
  const details = { cause: errnoOf(error) };
  return new HoldfastError("checkpoint_failed", messageOf(error), details, error);
}
