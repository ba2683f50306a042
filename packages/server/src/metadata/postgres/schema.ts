// The tables in PostgreSQL, made and migrated by one server at a time.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import type { Client } from "pg";
import { ask, type Driver } from "./connect.ts";

/** Each takes the tables one version further. What has been released is never changed. */
const MIGRATIONS: readonly string[] = [
  `
  -- Tables whose rows change often have room in their pages for the next version of a row: then it needs no entry in any index.
  CREATE TABLE uploads (
    id text COLLATE "C" PRIMARY KEY,
    tenant text NOT NULL,
    principal text NOT NULL,
    part_size bigint NOT NULL,
    algorithm text NOT NULL,
    created_at bigint NOT NULL,
    name text NOT NULL,
    type text NOT NULL,
    metadata text NOT NULL,
    verify text NOT NULL,
    sha256 bytea,
    key_name bytea,
    key_request bytea,
    state text NOT NULL,
    epoch bigint NOT NULL,
    size bigint NOT NULL,
    has_size bigint NOT NULL,
    has_told_offset bigint NOT NULL,
    has_bytes bigint NOT NULL,
    expires_at bigint NOT NULL,
    -- What indexes go by: most commits move the expiry within its minute, and where no indexed column changes no index is touched (a HOT update).
    expires_minute bigint GENERATED ALWAYS AS (expires_at / 60000) STORED,
    ended_at bigint,
    file_id text,
    error_code text,
    error_detail text,
    sealed_sha256 bytea,
    reserved_kib bigint NOT NULL,
    place text,
    version bigint NOT NULL,
    -- Who may do what only one server may, by this machine's clock. Token 0: nobody ever has.
    claim_token bigint NOT NULL,
    claim_holder text,
    claim_until bigint NOT NULL,
    claim_wanted_at bigint
  ) WITH (fillfactor = 70);
  CREATE UNIQUE INDEX uploads_key ON uploads (tenant, principal, key_name)
    WHERE key_name IS NOT NULL;
  CREATE INDEX uploads_completing ON uploads (expires_minute) WHERE state = 'completing';
  CREATE INDEX uploads_expired ON uploads (expires_minute) WHERE state = 'open';
  CREATE INDEX uploads_uncleared ON uploads (ended_at, id)
    WHERE has_bytes = 1 AND state IN ('aborted', 'expired', 'failed');
  CREATE INDEX uploads_forgettable ON uploads (ended_at, id)
    WHERE ended_at IS NOT NULL AND (state = 'complete' OR has_bytes = 0);

  CREATE TABLE part_pages (
    upload text COLLATE "C" NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    page bigint NOT NULL,
    bits bytea NOT NULL,
    -- The parts that are bound to a digest; NULL where those are the committed ones.
    bound bytea,
    -- Digests do not compress, nor do most files: PostgreSQL need not try at each commit.
    digests bytea NOT NULL,
    PRIMARY KEY (upload, page)
  ) WITH (fillfactor = 60);
  ALTER TABLE part_pages ALTER COLUMN digests SET STORAGE EXTERNAL;

  CREATE TABLE tails (
    upload text COLLATE "C" PRIMARY KEY REFERENCES uploads (id) ON DELETE CASCADE,
    tail_index bigint NOT NULL,
    tail_size bigint NOT NULL,
    tail_digest bytea NOT NULL,
    tail_fragment bytea NOT NULL,
    tail_objects text
  ) WITH (fillfactor = 50);
  ALTER TABLE tails ALTER COLUMN tail_fragment SET STORAGE EXTERNAL;

  CREATE TABLE files (
    id text COLLATE "C" PRIMARY KEY,
    upload_id text COLLATE "C" NOT NULL UNIQUE,
    tenant text COLLATE "C" NOT NULL,
    principal text NOT NULL,
    size bigint NOT NULL,
    part_size bigint NOT NULL,
    algorithm text NOT NULL,
    root bytea NOT NULL,
    manifest_size bigint NOT NULL,
    manifest_digest bytea NOT NULL,
    manifest bytea,
    created_at bigint NOT NULL,
    name text NOT NULL,
    type text NOT NULL,
    sha256 bytea,
    place text,
    state text NOT NULL
  );
  CREATE INDEX files_available ON files (tenant, created_at, id) WHERE state = 'available';
  CREATE INDEX files_deleting ON files (created_at, upload_id) WHERE state = 'deleting';

  CREATE TABLE outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    kind text NOT NULL,
    file_id text NOT NULL,
    at bigint NOT NULL
  );

  -- A row each principal. What everybody uses together is their sum: one row of it would hold up every commit until the one before is flushed.
  CREATE TABLE usage (
    tenant text COLLATE "C" NOT NULL,
    principal text COLLATE "C" NOT NULL,
    open bigint NOT NULL,
    kib bigint NOT NULL,
    files bigint NOT NULL,
    PRIMARY KEY (tenant, principal)
  );

  -- Who has begun to write last, and of which bytes the records are. The token is raised by each.
  CREATE TABLE owner (
    one bigint PRIMARY KEY CHECK (one = 1),
    token bigint NOT NULL,
    commits bigint NOT NULL,
    holder text NOT NULL,
    place text
  );
  INSERT INTO owner VALUES (1, 0, 0, '', NULL);
  `,
  `
  ALTER TABLE uploads ADD COLUMN protocol text;
  `,
  `
  -- Each server that writes, and the number of its last commit: every commit is conditional on the row and writes the number. Who ends well takes its row along.
  CREATE TABLE writers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    commits bigint NOT NULL DEFAULT 0,
    holder text NOT NULL,
    began_at timestamptz NOT NULL DEFAULT now()
  ) WITH (fillfactor = 50);
  ALTER TABLE owner DROP COLUMN commits;
  `,
  `
  ALTER TABLE uploads ADD COLUMN role text, ADD COLUMN note text;
  `,
  `
  ALTER TABLE uploads ADD COLUMN home text;
  ALTER TABLE files ADD COLUMN home text;
  `,
  `
  ALTER TABLE uploads ADD COLUMN revoked text;
  ALTER TABLE files ADD COLUMN notes text, ADD COLUMN is_damaged bigint NOT NULL DEFAULT 0;
  CREATE INDEX files_damaged ON files (created_at, upload_id)
    WHERE is_damaged = 1 AND state = 'available';
  `,
  `
  -- 1 from the moment that the records are named until the bytes have that name, too: till then nothing is stored, and whoever comes next may name both.
  ALTER TABLE owner ADD COLUMN is_open bigint NOT NULL DEFAULT 0;
  `,
  `
  -- Where the bytes are that the name is for, in words. As long as these do not have it, others may give it to them as well.
  ALTER TABLE owner ADD COLUMN place_where text;
  `,
];

export const SCHEMA_VERSION: number = MIGRATIONS.length;

const VERSION_MIN = 130_000;

/** What could lose an acknowledged change, or not keep what records have. */
const FACTS = `SELECT current_setting('server_version_num')::bigint AS version,
  current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
  current_setting('server_encoding') AS encoding, pg_is_in_recovery()::int::bigint AS is_standby`;

/**
 * Makes or migrates the tables: in one transaction, under a lock.
 *
 * @throws HoldfastError `metadata_unusable` where they cannot be used as they are: nothing was changed then.
 */
export async function prepareTables(client: Client, { schema, place }: Driver): Promise<void> {
  try {
    await requireCareful(client, place);
    await client.query("BEGIN");
    await lockTables(client, schema);
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
    await useSchema(client, schema);
    await client.query("CREATE TABLE IF NOT EXISTS version (version bigint NOT NULL)");
    const [row] = await ask(client, { name: "", text: "SELECT version FROM version" });
    const version = Number(row?.["version"] ?? 0);
    if (version > SCHEMA_VERSION) {
      const reason = `its records are of version ${version}; this program reads version ${SCHEMA_VERSION} and older: start the program that wrote them`;
      throw unusable(place, reason);
    }
    for (const migration of MIGRATIONS.slice(version)) await client.query(migration);
    await client.query("DELETE FROM version");
    await client.query("INSERT INTO version VALUES ($1)", [SCHEMA_VERSION]);
    await client.query("COMMIT");
  } catch (cause) {
    await client.query("ROLLBACK").catch(() => undefined);
    if (isHoldfastError(cause)) throw cause;
    const reason = cause instanceof Error ? cause.message : "it cannot be prepared";
    throw unusable(place, reason, { cause });
  }
}

/** Servers that are started together come here together, and the first may have much to change. */
const LOCK_WITHIN_MS = 60_000;
const LOCK_TRY_MS = 100;
const TRY_LOCK = "SELECT pg_try_advisory_xact_lock(hashtext($1), 1)::int::bigint AS is_ours";

/** Asked again and again: a session waits for locks no longer than for anything else. */
async function lockTables(client: Client, schema: string): Promise<void> {
  for (const started = performance.now(); ; ) {
    const [row] = await ask(client, { name: "", text: TRY_LOCK }, [`holdfast ${schema}`]);
    if (row?.["is_ours"] === 1) return;
    if (performance.now() - started > LOCK_WITHIN_MS) {
      throw new Error("another server has been changing its tables for a minute");
    }
    await new Promise((resolve) => setTimeout(resolve, LOCK_TRY_MS));
  }
}

/** What a session must have before it reads or writes: the tables, and commits that wait for the disk. */
export async function useSchema(client: Client, schema: string): Promise<void> {
  await client.query(`SET search_path = ${schema}`);
  // A plan is made once, perhaps when the tables were nearly empty, and kept while they grow: it is to go along indexes from the beginning. Compiling one
  // costs more than any of them takes.
  await client.query(
    "SET jit = off; SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off",
  );
  // Stricter ones, which wait for standbys as well, stay.
  await client.query(`SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'`);
}

async function requireCareful(client: Client, place: string): Promise<void> {
  const [facts = {}] = await ask(client, { name: "", text: FACTS });
  const refusals: readonly (readonly [boolean, string])[] = [
    [Number(facts["version"]) < VERSION_MIN, "it is older than PostgreSQL 13"],
    [facts["is_standby"] !== 0, "it is a standby, which takes no writes: name the primary"],
    [facts["fsync"] !== "on", "it runs with fsync = off, and would lose acknowledged bytes"],
    [facts["full_page_writes"] !== "on", "it runs with full_page_writes = off"],
    [facts["encoding"] !== "UTF8", "the encoding of its database is not UTF8"],
  ];
  const refused = refusals.find(([isSo]) => isSo);
  if (refused) throw unusable(place, refused[1]);
}

export function unusable(
  place: string,
  reason: string,
  {
    cause,
    ...more
  }: {
    readonly hint?: string;
    readonly of?: "others" | "nobody yet";
    readonly named?: unknown;
    readonly where?: unknown;
    readonly cause?: unknown;
  } = {},
): HoldfastError {
  const message = `PostgreSQL at ${place} cannot be used: ${reason}`;
  const details = { place, reason, ...more };
  return new HoldfastError("metadata_unusable", message, details, cause);
}
