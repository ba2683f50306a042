// Writes what a group of changes has left, a statement for each kind of row however many there are.
import type { Client } from "pg";
import type { Row } from "../records/codec.ts";
import {
  type Columns,
  FILE_STATE,
  FILES,
  givenOf,
  namesOf,
  OUTBOX,
  PAGES,
  TAILS,
  UPLOAD_STATE,
  UPLOADS,
  USAGE,
} from "./columns.ts";
import { ask, type Statement } from "./connect.ts";
import type { WorkingSet } from "./working-set.ts";

const UPDATED: Columns = { id: "text", ...UPLOAD_STATE };
const FILES_UPDATED: Columns = { id: "text", ...FILE_STATE };
const IDS: Columns = { id: "text" };

function insertion(table: string, columns: Columns, rest = ""): Statement {
  const names = namesOf(columns);
  const text = `INSERT INTO ${table} (${names}) SELECT ${names} FROM ${givenOf(columns)} ${rest}`;
  return { name: `add-${table}`, text };
}

function deletion(table: string, column: string): Statement {
  const text = `DELETE FROM ${table} WHERE ${column} = ANY ($1::text[])`;
  return { name: `drop-${table}`, text };
}

const DROP_UPLOADS = deletion("uploads", "id");
const ADD_UPLOADS = insertion("uploads", UPLOADS);
const SET_UPLOADS: Statement = {
  name: "set-uploads",
  text: `UPDATE uploads SET ${Object.keys(UPLOAD_STATE)
    .map((name) => `${name} = given.${name}`)
    .join(", ")} FROM ${givenOf(UPDATED)} WHERE uploads.id = given.id`,
};
const PUT_PAGES = insertion(
  "part_pages",
  PAGES,
  `ON CONFLICT (upload, page) DO UPDATE
    SET bits = excluded.bits, bound = excluded.bound, digests = excluded.digests`,
);
const DROP_TAILS = deletion("tails", "upload");
const PUT_TAILS = insertion(
  "tails",
  TAILS,
  `ON CONFLICT (upload) DO UPDATE SET tail_index = excluded.tail_index,
    tail_size = excluded.tail_size, tail_digest = excluded.tail_digest,
    tail_fragment = excluded.tail_fragment, tail_objects = excluded.tail_objects`,
);
const DROP_FILES = deletion("files", "id");
const ADD_FILES = insertion("files", FILES);
const SET_FILES: Statement = {
  name: "set-files",
  text: `UPDATE files SET ${Object.keys(FILE_STATE)
    .map((name) => `${name} = given.${name}`)
    .join(", ")} FROM ${givenOf(FILES_UPDATED)} WHERE files.id = given.id`,
};
/** In the order of the changes: their numbers are given in it. */
const ADD_OUTBOX: Statement = {
  name: "add-outbox",
  text: `INSERT INTO outbox (${namesOf(OUTBOX)}) SELECT ${namesOf(OUTBOX)}
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY
    AS given (${namesOf(OUTBOX)}, place) ORDER BY place`,
};
/** Whoever is to be told is told within days: each new entry takes two old ones along, so that a week's are left and no change ever takes long. */
const TRIM_OUTBOX: Statement = {
  name: "trim-outbox",
  text: `DELETE FROM outbox WHERE at < $1::bigint - ${7 * 86_400_000}
    AND seq IN (SELECT seq FROM outbox ORDER BY seq LIMIT $2::bigint)`,
};
/** In the order of their names, as every server takes them: two that want the same rows do not wait for each other. */
const ADD_USAGE = insertion(
  "usage",
  USAGE,
  `ORDER BY tenant, principal ON CONFLICT (tenant, principal) DO UPDATE
    SET open = usage.open + excluded.open, kib = usage.kib + excluded.kib, files = usage.files + excluded.files`,
);

/** Sends all of it at once, in the transaction that is open; gives the answers to come, in their order. */
export function save(client: Client, set: WorkingSet): readonly Promise<unknown>[] {
  const { uploads, files, outbox } = set;
  const dropped = uploads.flatMap(({ id, before, row }) => (before && !row ? [{ id }] : []));
  const added = uploads.flatMap(({ before, row }) => (row && !before ? [row] : []));
  const changed = uploads.flatMap(({ before, row }) =>
    before && row && row !== before ? [row] : [],
  );
  const alive = uploads.filter(({ row }) => row !== undefined);
  const pages = alive.flatMap(({ id, pages, pagesBefore }) =>
    [...pages].flatMap(([page, row]) =>
      row === pagesBefore.get(page) ? [] : [{ ...row, upload: id }],
    ),
  );
  const tails = alive.filter(({ tail, tailBefore }) => tail !== tailBefore);
  const endedTails = tails.flatMap(({ id, tail }) => (tail ? [] : [{ id }]));
  const putTails = tails.flatMap(({ id, tail }) => (tail ? [{ ...tail, upload: id }] : []));
  const droppedFiles = files.flatMap(({ before, row }) => (before && !row ? [before] : []));
  const addedFiles = files.flatMap(({ before, row }) => (row && !before ? [row] : []));
  const changedFiles = files.flatMap(({ before, row }) =>
    before && row && row !== before ? [row] : [],
  );
  const usage = set
    .usage()
    .filter(({ open, kib, files }) => open !== 0 || kib !== 0 || files !== 0);
  const writes: readonly (readonly [Statement, Columns, readonly Row[]])[] = [
    [DROP_UPLOADS, IDS, dropped],
    [ADD_UPLOADS, UPLOADS, added],
    [SET_UPLOADS, UPDATED, changed],
    [PUT_PAGES, PAGES, pages],
    [DROP_TAILS, IDS, endedTails],
    [PUT_TAILS, TAILS, putTails],
    [DROP_FILES, IDS, droppedFiles],
    [ADD_FILES, FILES, addedFiles],
    [SET_FILES, FILES_UPDATED, changedFiles],
    [ADD_OUTBOX, OUTBOX, outbox],
    [ADD_USAGE, USAGE, usage],
  ];
  const written = writes.flatMap(([statement, columns, rows]) =>
    rows.length === 0 ? [] : [ask(client, statement, arraysOf(columns, rows))],
  );
  const newest = outbox.at(-1);
  if (!newest) return written;
  return [...written, ask(client, TRIM_OUTBOX, [newest["at"], 2 * outbox.length])];
}

/** An array for each column. */
function arraysOf(columns: Columns, rows: readonly Row[]): readonly unknown[] {
  return Object.keys(columns).map((name) => rows.map((row) => row[name] ?? null));
}
