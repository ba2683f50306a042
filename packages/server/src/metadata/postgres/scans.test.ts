// Many records cost what few do: whatever is asked or changed, no table is ever read from end to end. PostgreSQL itself counts the rows that it reads so.
import type { Change, UploadRecord } from "@holdfast/engine";
import {
  sampleCommit,
  sampleDelete,
  sampleFile,
  samplePart,
  samplePublish,
  sampleStore,
  sampleTail,
  sampleUpload,
} from "@holdfast/testkit/metadata/samples";
import { type Postgres, startPostgres } from "@holdfast/testkit/services/postgres";
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openPostgresMetadata } from "./index.ts";

let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

const MANY = 6000;
const PRINCIPALS = 500;
const LIMITS = { openMax: 1_000_000, bytesMax: Number.MAX_SAFE_INTEGER };

async function sql(text: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

/** Which share of the rows that were changed needed no new entry in any index. */
async function hotShare(table: string): Promise<number> {
  const [row] = await sql(`SELECT n_tup_upd::int AS changed, n_tup_hot_upd::int AS hot
    FROM pg_stat_user_tables WHERE schemaname = 'commits' AND relname = '${table}'`);
  return Number(row?.["hot"]) / Number(row?.["changed"]);
}

/** Rows of each table, and how many have been read by going through all of it. */
async function scans(): Promise<ReadonlyMap<unknown, { rows: number; read: number }>> {
  const found = await sql(`SELECT relname, n_live_tup::int AS rows, seq_tup_read::int AS read
    FROM pg_stat_user_tables WHERE schemaname = 'holdfast'`);
  return new Map(
    found.map(({ relname, rows, read }) => [relname, { rows: Number(rows), read: Number(read) }]),
  );
}

type Scans = Awaited<ReturnType<typeof scans>>;

/** No table that has many rows was read from end to end. */
function expectFew(after: Scans, before: Scans): void {
  for (const [table, { rows, read }] of after) {
    if (rows < PRINCIPALS) continue;
    expect(read - (before.get(table)?.read ?? 0), `rows of ${table} read`).toBeLessThan(rows / 2);
  }
}

let made = 0;

function upload(given: Partial<UploadRecord> = {}): UploadRecord {
  const number = made++;
  const name = new Uint8Array(32);
  new DataView(name.buffer).setUint32(0, number);
  const principal = `principal-${number % PRINCIPALS}`;
  return sampleUpload(3, { principal, key: { name, request: name }, ...given });
}

/** Records in every state. */
function fill(): readonly (readonly Change[])[] {
  return Array.from({ length: MANY }, (_, number): readonly Change[] => {
    const one = upload();
    const create = { kind: "create", upload: one } as const;
    if (number % 3 === 0) return [create, sampleCommit(one, 1)];
    if (number % 3 === 1) {
      const { id, expiresAt } = one;
      return [create, { kind: "append", id, at: 0, parts: [], tail: sampleTail(0, 9), expiresAt }];
    }
    return [sampleStore(2, { principal: one.principal })];
  });
}

/** Every kind of change, on one upload after another. */
function work(): readonly (readonly Change[])[] {
  const limits = LIMITS;
  const [parts, appended, ended] = [upload(), upload({ hasSize: false }), upload()];
  const [expired, alone, whole] = [upload({ expiresAt: 5 }), sampleStore(), sampleStore()];
  const { expiresAt } = parts;
  const file = sampleFile(parts);
  const seal = { kind: "seal", id: parts.id, epoch: 1 } as const;
  return [
    [
      { kind: "create", upload: parts, limits },
      sampleCommit(parts, 0, 1, 2),
      { kind: "withdraw", id: parts.id, indexes: [1], at: 7 },
      sampleCommit(parts, 1),
      seal,
      { kind: "reopen", id: parts.id, error: { code: "storage_failed", detail: "d" } },
      seal,
      samplePublish(file),
      sampleDelete(file.id),
      { kind: "erased", id: file.id },
    ],
    [
      { kind: "create", upload: appended, limits },
      { kind: "told", id: appended.id },
      {
        ...{ kind: "append", id: appended.id, at: 0, parts: [samplePart(0)] },
        ...{ tail: sampleTail(1, 9), expiresAt, limits },
      },
      { kind: "fix-size", id: appended.id, size: appended.partSize + 9, limits },
      { kind: "revoke", id: appended.id, epoch: 0 },
    ],
    [
      { kind: "create", upload: ended, limits },
      { kind: "end", id: ended.id, state: "aborted", at: 7 },
      { kind: "cleared", id: ended.id },
      { kind: "forget", id: ended.id, before: 8 },
    ],
    [
      { kind: "create", upload: expired },
      { kind: "expire", id: expired.id, now: 6 },
    ],
    [{ kind: "store-alone", file: alone.file, outbox: alone.outbox, limits }],
    [{ ...whole, limits }, sampleDelete(whole.file.id)],
  ];
}

it("goes along an index for every change and every question", async () => {
  const open = () => openPostgresMetadata({ address: postgres.url, place: "here" });
  const filling = await open();
  const applyAll = async (changes: readonly Change[]) => {
    for (const change of changes) await filling.apply(change);
  };
  await Promise.all(fill().map(applyAll));
  await filling.close();
  // From the first row on, when PostgreSQL knows nothing of the tables yet and plans are made for empty ones.
  expectFew(await scans(), new Map());

  await sql("ANALYZE");
  const before = await scans();
  const store = await open();
  // More than PostgreSQL's five tries, after which a statement's plan is fixed for any values.
  for (let round = 0; round < 8; round++) {
    for (const changes of work()) for (const change of changes) await store.apply(change);
    const one = upload();
    const whole = sampleStore();
    await Promise.all([store.apply({ kind: "create", upload: one }), store.apply(whole)]);
    const { tenant, principal, key } = one;
    expect(await store.upload(one.id)).toEqual(one);
    expect(key && (await store.upload({ tenant, principal, name: key.name }))).toEqual(one);
    await store.parts(one.id);
    expect((await store.file(whole.file.id))?.id).toBe(whole.file.id);
    expect((await store.file({ uploadId: whole.upload.id }))?.id).toBe(whole.file.id);
    const [first] = await store.files({ tenant, limit: 10 });
    expect(first && (await store.files({ tenant, after: first, limit: 10 }))).toHaveLength(10);
    for (const kind of ["completing", "expired", "uncleared", "forgettable", "deleting"] as const) {
      const [due] = await store.due(kind, { limit: 3 });
      if (due) await store.due(kind, { after: due, before: due.at + 1, limit: 3 });
    }
    expect((await store.counts({ tenant, id: principal })).open).toBeGreaterThan(0);
  }
  await store.close();
  const after = await scans();
  expectFew(after, before);
  const large = [...after].filter(([, { rows }]) => rows >= PRINCIPALS).map(([table]) => table);
  expect(large.toSorted()).toEqual(["files", "outbox", "part_pages", "tails", "uploads", "usage"]);
});

it("touches no index for nearly all commits to uploads that are there", async () => {
  const address = `${postgres.url}?schema=commits`;
  const store = await openPostgresMetadata({ address, place: "here" });
  const uploads = Array.from({ length: 50 }, () => sampleUpload(200));
  await Promise.all(uploads.map((one) => store.apply({ kind: "create", upload: one })));
  for (let index = 0; index < 200; index++) {
    const commits = uploads.map((one) => sampleCommit(one, index));
    // The expiry moves with each of them, as it does with time.
    const change = (commit: (typeof commits)[number]) =>
      store.apply({ ...commit, expiresAt: commit.expiresAt + index * 20 });
    await Promise.all(commits.map(change));
  }
  await store.close();
  expect(await hotShare("uploads")).toBeGreaterThan(0.9);
  expect(await hotShare("part_pages")).toBeGreaterThan(0.9);
});
