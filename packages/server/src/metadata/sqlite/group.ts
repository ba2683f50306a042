// Group commit: all changes that are waiting share one transaction and one flush, and each one still stands or falls alone.
import type { DatabaseSync } from "node:sqlite";
import type { HoldfastError } from "@holdfast/protocol";
import { applyChange } from "../records/changes.ts";
import type { PackedChange } from "../records/packed.ts";
import { type Failure, failureOf } from "./failure.ts";
import { settleLog } from "./schema.ts";
import { prepareStatements, type Statements } from "./statements.ts";

export interface GroupOutcome {
  /** One for each change, in order: why it did not happen, or undefined. */
  readonly errors: readonly (HoldfastError | undefined)[];
  /** Set where nobody knows any more what the disk holds: nothing may be written after it. */
  readonly fatal?: HoldfastError;
}

export type GroupWriter = (changes: readonly PackedChange[]) => GroupOutcome;

/** Returns a function that makes a group of changes; when it returns, what happened is durable. An empty group only gets things ready. */
export function createGroupWriter(db: DatabaseSync): GroupWriter {
  const sql = prepareStatements(db);
  let isSettled = false;
  return (changes) => {
    try {
      if (!isSettled) settleLog(db);
      isSettled = true;
      sql.begin.run();
      const errors = changes.map((change) => attempt(sql, change));
      sql.commit.run();
      return { errors };
    } catch (cause) {
      return giveUp(db, sql, changes, failureOf(cause));
    }
  };
}

/** One change in a savepoint of its own. What reaches further than this change is thrown. */
function attempt(sql: Statements, change: PackedChange): HoldfastError | undefined {
  sql.savepoint.run();
  let refused: HoldfastError | undefined;
  try {
    applyChange(sql, change);
  } catch (cause) {
    const { reach, error } = failureOf(cause);
    if (reach !== "change") throw cause;
    refused = error;
    sql.undo.run();
  }
  sql.release.run();
  return refused;
}

/** Nothing of the group happened, as far as one can know. */
function giveUp(
  db: DatabaseSync,
  sql: Statements,
  changes: readonly PackedChange[],
  { reach, error }: Failure,
): GroupOutcome {
  const errors = changes.map(() => error);
  if (reach === "store") return { errors, fatal: error };
  // SQLite may have rolled back by itself, as it does when the disk is full.
  if (db.isTransaction) {
    try {
      sql.rollback.run();
    } catch (cause) {
      return { errors, fatal: failureOf(cause).error };
    }
  }
  return { errors };
}
