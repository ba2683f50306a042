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

/** Each name is a statement of `sqlite/statements.ts`, which says in SQL what it does. One of them raises an upload's version in each change. A write is seen by what is asked after it. */
export interface Tables {
  /** Parts in a page. */
  readonly pageParts: number;
  readonly findUpload: Find;
  /** What create has fixed. */
  readonly findCreated: Find;
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
  readonly setMoved: Write;
  /** For changes that write no column of the upload's own. */
  readonly raiseVersion: Write;
  readonly findRevoked: Find;
  readonly setRevoked: Write;
  readonly findClaim: Find;
  readonly setClaim: Write;
  /** The store's clock. */
  readonly findNow: Find;
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
  readonly setNotes: Write;
  readonly setFilePlace: Write;
  readonly setDeleting: Write;
  readonly dropFile: Write;
  readonly addOutbox: Write;
}
