// The tables that changes look at and write, whatever keeps them: SQLite asks its file, Postgres what it has loaded for a group of changes.
import type { Parameters, Row } from "./codec.ts";

/** At most one row. */
export interface Find {
  get(parameters: Parameters): Row | undefined;
}

/** Rows in their order. */
export interface List {
  iterate(parameters: Parameters): Iterable<Row>;
}

export interface Write {
  run(parameters: Parameters): unknown;
}

/** Each name is a statement of `sqlite/statements.ts`, which says in SQL what it does. A write is seen by what is asked after it. */
export interface Tables {
  /** Parts in a page. */
  readonly pageParts: number;
  readonly findUpload: Find;
  readonly addUpload: Write;
  readonly findKey: Find;
  readonly findUsage: Find;
  readonly addReserved: Write;
  readonly setCame: Write;
  readonly setSize: Write;
  readonly setTold: Write;
  readonly setWithdrawn: Write;
  readonly setFailed: Write;
  readonly setCompleting: Write;
  readonly setEpoch: Write;
  readonly setPlace: Write;
  readonly setReopened: Write;
  readonly setComplete: Write;
  readonly setEnded: Write;
  readonly setCleared: Write;
  readonly dropUpload: Write;
  readonly findTail: Find;
  readonly putTail: Write;
  readonly dropTail: Write;
  readonly findBits: List;
  readonly findBitsBackwards: List;
  readonly findPage: Find;
  readonly putPage: Write;
  readonly addFile: Write;
  readonly findFile: Find;
  readonly setDeleting: Write;
  readonly dropFile: Write;
  readonly addOutbox: Write;
}
