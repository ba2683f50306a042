// Group commit: all changes that are waiting share one transaction of two round trips, and each one still stands or falls alone.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import type { Client } from "pg";
import { applyChange } from "../records/changes.ts";
import type { PackedChange } from "../records/packed.ts";
import { allOf, load } from "./load.ts";
import { noteCommit } from "./owner.ts";
import { save } from "./save.ts";
import { createWorkingSet, type WorkingSet } from "./working-set.ts";

/** One for each change, in order: why it did not happen, or undefined. */
export type Outcomes = readonly (HoldfastError | undefined)[];

export interface Prepared {
  readonly outcomes: Outcomes;
  /** Resolves when it is durable. Before this is called nothing of it can happen; afterwards it may have, whatever comes back. */
  commit(): Promise<void>;
}

/** Begins a transaction, reads what the changes look at and decides them. */
export async function prepareGroup(
  client: Client,
  changes: readonly PackedChange[],
  writer: number,
  number: number,
): Promise<Prepared> {
  const begun = client.query("BEGIN");
  const noted = noteCommit(client, writer, number);
  const loaded = load(client, changes);
  await allOf<unknown>([begun, noted, loaded]);
  const set = createWorkingSet(await loaded);
  const outcomes = changes.map((change) => decide(set, change));
  return {
    outcomes,
    async commit() {
      await allOf([...save(client, set), client.query("COMMIT")]);
    },
  };
}

function decide({ tables, attempt }: WorkingSet, change: PackedChange): HoldfastError | undefined {
  try {
    attempt(() => applyChange(tables, change));
    return undefined;
  } catch (cause) {
    return isHoldfastError(cause) ? cause : new HoldfastError("internal", undefined, {}, cause);
  }
}
