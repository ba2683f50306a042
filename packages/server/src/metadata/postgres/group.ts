// Group commit: all changes that are waiting share one transaction of two round trips, and each one still stands or falls alone.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import type { Client } from "pg";
import { applyChange } from "../records/changes.ts";
import type { PackedChange } from "../records/packed.ts";
import { allOf, load } from "./load.ts";
import { noteCommit } from "./owner.ts";
import { save } from "./save.ts";
import { createWorkingSet, type WorkingSet } from "./working-set.ts";

/** What has come of a change: why it did not happen, or the upload's version that it has made. */
export type Outcome =
  | { readonly refused: HoldfastError }
  | { readonly refused?: never; readonly version: number | undefined };

/** One for each change, in order. */
export type Outcomes = readonly Outcome[];

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

function decide({ tables, attempt, versionOf }: WorkingSet, change: PackedChange): Outcome {
  const id = uploadOf(change);
  const before = versionOf(id);
  try {
    attempt(() => applyChange(tables, change));
    const after = versionOf(id);
    return { version: after === before ? undefined : after };
  } catch (cause) {
    const isOurs = isHoldfastError(cause);
    return { refused: isOurs ? cause : new HoldfastError("internal", undefined, {}, cause) };
  }
}

/** The upload that a change is made to, where it is there already. */
function uploadOf(change: PackedChange): string | undefined {
  switch (change.kind) {
    case "create":
    case "store":
    case "store-alone":
    case "delete":
    case "note":
    case "relocate":
    case "erased":
      return undefined;
    case "publish":
      return change.file.uploadId;
    default:
      return change.id;
  }
}
