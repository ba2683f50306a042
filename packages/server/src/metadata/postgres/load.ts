// What a group of changes has to look at, read in one round trip: the uploads are locked first, so that all the rest is read as it will stay.
import type { FileRecord, Limits } from "@holdfast/engine";
import type { Client } from "pg";
import { type Row, textAt } from "../records/codec.ts";
import type { PackedChange } from "../records/packed.ts";
import { PAGE_PARTS, placeOf } from "../records/pages.ts";
import { UPLOAD_LOADED } from "./columns.ts";
import { ask } from "./connect.ts";
import type { Loaded } from "./working-set.ts";

/** What a group names. */
interface Wanted {
  readonly uploads: Set<string>;
  /** Uploads whose parts are counted. */
  readonly bits: Set<string>;
  readonly pages: Map<string, readonly [upload: string, page: number]>;
  readonly files: Set<string>;
  /** Uploads that become files: the bytes of another one are not theirs. */
  readonly filesOf: Set<string>;
  /** Files whose upload goes with them. */
  readonly uploadsOf: Set<string>;
  readonly keys: (readonly [tenant: string, principal: string, name: Uint8Array])[];
  /** Principals whose limits are looked at. */
  readonly principals: Map<string, readonly [tenant: string, principal: string]>;
  /** Uploads whose principal's limits are looked at. */
  readonly limited: Set<string>;
  /** Claims are looked at. */
  isTimed: boolean;
}

const COLUMNS = UPLOAD_LOADED.map((name) => `uploads.${name}`).join(", ");

const LOCK_UPLOADS = {
  name: "lock-uploads",
  text: `SELECT ${COLUMNS} FROM uploads
    WHERE id = ANY ($1::text[] || ARRAY(SELECT upload_id FROM files WHERE id = ANY ($2::text[])))
    ORDER BY id FOR UPDATE`,
};
const FIND_PAGES = {
  name: "find-pages",
  text: `SELECT upload, page, bits, bound, digests
    FROM unnest($1::text[], $2::bigint[]) AS wanted (upload, page) JOIN part_pages USING (upload, page)`,
};
const FIND_BITS = {
  name: "find-bits",
  // One row an upload: an append to one of 100,000 parts looks at thousands of pages.
  text: `SELECT upload, string_agg(page || ':' || encode(bits, 'hex') || ':' || coalesce(encode(bound, 'hex'), ''), ',') AS pages
    FROM part_pages WHERE upload = ANY ($1::text[]) GROUP BY upload`,
};
const FIND_TAILS = {
  name: "find-tails",
  text: "SELECT * FROM tails WHERE upload = ANY ($1::text[])",
};
const FIND_FILES = {
  name: "find-files",
  text: `SELECT id, upload_id, place, state, notes, is_damaged, tenant, principal, size FROM files
    WHERE id = ANY ($1::text[]) OR upload_id = ANY ($2::text[]) ORDER BY id FOR UPDATE`,
};
const FIND_KEYS = {
  name: "find-keys",
  text: `SELECT id, tenant, principal, key_name FROM uploads
    JOIN unnest($1::text[], $2::text[], $3::bytea[]) AS wanted (tenant, principal, key_name)
    USING (tenant, principal, key_name)`,
};
const PRINCIPALS = `SELECT * FROM unnest($1::text[], $2::text[]) AS wanted (tenant, principal)
    UNION SELECT tenant, principal FROM uploads WHERE id = ANY ($3::text[])`;
/** A row that is not there cannot be locked. */
const BEGIN_USAGE = {
  name: "begin-usage",
  text: `INSERT INTO usage (tenant, principal, open, kib, files)
    SELECT tenant, principal, 0, 0, 0 FROM (${PRINCIPALS}) AS asked ORDER BY 1, 2
    ON CONFLICT DO NOTHING`,
};
const LOCK_USAGE = {
  name: "lock-usage",
  text: `SELECT usage.* FROM (${PRINCIPALS}) AS asked JOIN usage USING (tenant, principal)
    ORDER BY usage.tenant, usage.principal FOR UPDATE OF usage`,
};

/** Asked behind the locks: what waited for them was not on time. */
const FIND_NOW = {
  name: "find-now",
  text: "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now",
};

/** Sends everything at once, in the transaction that is open; the answers come in the order in which it was asked. */
export async function load(client: Client, changes: readonly PackedChange[]): Promise<Loaded> {
  const wanted = wantedOf(changes);
  const { principals, limited } = wanted;
  const uploads = [...wanted.uploads];
  const uploadsOf = [...wanted.uploadsOf];
  const none: readonly Row[] = [];
  const [locked, clock, pages, bits, tails, files, keys, , usage] = await allOf([
    ask(client, LOCK_UPLOADS, [uploads, uploadsOf]),
    wanted.isTimed ? ask(client, FIND_NOW) : none,
    wanted.pages.size > 0
      ? ask(client, FIND_PAGES, columnsOf([...wanted.pages.values()], 2))
      : none,
    wanted.bits.size > 0 ? ask(client, FIND_BITS, [[...wanted.bits]]) : none,
    ask(client, FIND_TAILS, [uploads]),
    wanted.files.size > 0
      ? ask(client, FIND_FILES, [[...wanted.files], [...wanted.filesOf]])
      : none,
    wanted.keys.length > 0 ? ask(client, FIND_KEYS, columnsOf(wanted.keys, 3)) : none,
    ...usageQueries(client, [...principals.values()], [...limited]),
  ]);
  return {
    ...{
      uploads: locked ?? [],
      pages: pages ?? [],
      bits: (bits ?? []).flatMap(unpackBits),
      tails: tails ?? [],
    },
    ...{ files: files ?? [], keys: keys ?? [], usage: usage ?? [], now: clock?.[0] },
  };
}

function unpackBits({ upload = null, ...row }: Row): readonly Row[] {
  return textAt(row, "pages")
    .split(",")
    .map((text) => {
      const [page, bits = "", bound = ""] = text.split(":");
      return {
        ...{ upload, page: Number(page), bits: bytesOf(bits) },
        bound: bound === "" ? null : bytesOf(bound),
      };
    });
}

function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

function usageQueries(
  client: Client,
  principals: readonly (readonly [string, string])[],
  limited: readonly string[],
): readonly (Promise<readonly Row[]> | readonly Row[])[] {
  if (principals.length === 0 && limited.length === 0) return [];
  const values = [...columnsOf(principals, 2), limited];
  return [ask(client, BEGIN_USAGE, values), ask(client, LOCK_USAGE, values)];
}

/** All of them, or the first failure in their order: those behind it fail because of it. */
export async function allOf<T>(asked: readonly (Promise<T> | T)[]): Promise<readonly T[]> {
  const outcomes = await Promise.allSettled(asked);
  return outcomes.map((outcome) => {
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value;
  });
}

/** Rows as an array for each column. */
function columnsOf(rows: readonly (readonly unknown[])[], count: number): readonly unknown[][] {
  return Array.from({ length: count }, (_, column) => rows.map((row) => row[column]));
}

function wantedOf(changes: readonly PackedChange[]): Wanted {
  const wanted: Wanted = {
    ...{ uploads: new Set(), bits: new Set(), pages: new Map(), files: new Set() },
    ...{
      filesOf: new Set(),
      uploadsOf: new Set(),
      keys: [],
      principals: new Map(),
      limited: new Set(),
      isTimed: false,
    },
  };
  for (const change of changes) want(wanted, change);
  return wanted;
}

function want(wanted: Wanted, change: PackedChange): void {
  switch (change.kind) {
    case "create":
    case "store": {
      const { id, tenant, principal, key } = change.upload;
      wanted.uploads.add(id);
      if (key) wanted.keys.push([tenant, principal, key.name]);
      if (isLimit(change.limits)) {
        wanted.principals.set(JSON.stringify([tenant, principal]), [tenant, principal]);
      }
      if (change.kind === "store") wantFile(wanted, change.file);
      break;
    }
    case "store-alone": {
      const { tenant, principal } = change.file;
      wantFile(wanted, change.file);
      if (isLimit(change.limits)) {
        wanted.principals.set(JSON.stringify([tenant, principal]), [tenant, principal]);
      }
      break;
    }
    case "publish":
      wanted.uploads.add(change.file.uploadId);
      wantFile(wanted, change.file);
      break;
    case "delete":
    case "erased":
      wanted.files.add(change.id);
      wanted.uploadsOf.add(change.id);
      break;
    case "note":
    case "relocate":
      wanted.files.add(change.id);
      break;
    case "claim":
    case "renew":
    case "want":
      wanted.uploads.add(change.id);
      wanted.isTimed = true;
      break;
    case "place":
      wanted.uploads.add(change.id);
      wanted.bits.add(change.id);
      break;
    case "move":
      wanted.uploads.add(change.id);
      wanted.bits.add(change.id);
      wantPages(wanted, change.id, change.kept);
      break;
    case "bind":
    case "commit":
    case "withdraw":
    case "append":
    case "fix-size":
      wanted.uploads.add(change.id);
      if ("indexes" in change) wantPages(wanted, change.id, change.indexes);
      if (change.kind === "append" || change.kind === "fix-size") wanted.bits.add(change.id);
      if ("limits" in change && isLimit(change.limits)) wanted.limited.add(change.id);
      break;
    default:
      wanted.uploads.add(change.id);
  }
}

function wantFile(wanted: Wanted, { id, uploadId }: FileRecord): void {
  wanted.files.add(id);
  wanted.filesOf.add(uploadId);
}

/** An index that no grid has is refused later. */
function wantPages(wanted: Wanted, id: string, indexes: readonly number[]): void {
  for (const index of indexes) {
    if (!Number.isSafeInteger(index) || index < 0) continue;
    const { page } = placeOf(index, PAGE_PARTS.postgres);
    wanted.pages.set(`${id} ${page}`, [id, page]);
  }
}

function isLimit(limits: Limits | undefined): boolean {
  return limits?.openMax !== undefined || limits?.bytesMax !== undefined;
}
