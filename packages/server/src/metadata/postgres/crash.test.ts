// PostgreSQL dies and comes back while changes are on their way: what was acknowledged is there, and what was not known is found out.
import { type HoldfastError, hasPart, isHoldfastError } from "@holdfast/protocol";
import { refusal } from "@holdfast/testkit/contracts/metadata-bench";
import { sampleCommit, sampleUpload } from "@holdfast/testkit/metadata/samples";
import { type Postgres, startPostgres } from "@holdfast/testkit/services/postgres";
import pg from "pg";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openPostgresMetadata } from "./index.ts";

let postgres: Postgres;
beforeEach(async () => {
  postgres = await startPostgres();
});
afterEach(() => postgres.stop());

const ROUNDS = 6;
const AT_ONCE = 16;

async function sql(text: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const client = new pg.Client({
    connectionString: postgres.url,
    options: "-c search_path=holdfast",
  });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(text);
    return rows;
  } finally {
    await client.end();
  }
}

it("keeps every acknowledged commit over kills in the middle of others, and each withdrawal happens once", async () => {
  const fatal: HoldfastError[] = [];
  const options = { address: postgres.url, place: "here", patienceMs: 60_000 };
  const store = await openPostgresMetadata({ ...options, onFatal: (error) => fatal.push(error) });
  const upload = sampleUpload(100_000);
  // A withdrawal that happened twice would raise the epoch twice: nothing else shows whether an outcome was read back right.
  const counted = sampleUpload(1);
  await store.apply({ kind: "create", upload });
  await store.apply({ kind: "create", upload: counted });
  const acknowledged = new Set<number>();
  let withdrawals = 0;
  let next = 0;
  let isOver = false;

  async function commit(): Promise<void> {
    while (!isOver) {
      const index = next++;
      await store.apply(sampleCommit(upload, index));
      acknowledged.add(index);
    }
  }
  async function withdraw(): Promise<void> {
    while (!isOver) {
      await store.apply({ kind: "withdraw", id: counted.id, indexes: [0], at: 7 });
      withdrawals++;
    }
  }

  const work = [withdraw(), ...Array.from({ length: AT_ONCE }, commit)];
  for (let round = 0; round < ROUNDS; round++) {
    const enough = acknowledged.size + 40 + 37 * round;
    await expect
      .poll(() => acknowledged.size, { timeout: 30_000, interval: 1 })
      .toBeGreaterThan(enough);
    await postgres.kill();
    await postgres.start();
  }
  isOver = true;
  await Promise.all(work);
  expect(fatal).toEqual([]);
  expect((await store.upload(counted.id))?.epoch).toBe(withdrawals);
  await store.close();

  const again = await openPostgresMetadata(options);
  const { bits } = await again.parts(upload.id);
  await again.close();
  for (const index of acknowledged)
    expect(hasPart({ partCount: 100_000, bits }, index), `part ${index}`).toBe(true);
  expect(acknowledged.size).toBe(next);
});

it("asks what became of a commit for as long as it takes, and refuses only what has not happened", async () => {
  const fatal: HoldfastError[] = [];
  const options = { address: postgres.url, place: "here", patienceMs: 100 };
  const store = await openPostgresMetadata({ ...options, onFatal: (error) => fatal.push(error) });
  const upload = sampleUpload(100_000);
  await store.apply({ kind: "create", upload });
  const acknowledged = new Set<number>();
  const refused = new Set<number>();
  let next = 0;
  let isOver = false;

  async function commitOne(): Promise<void> {
    const index = next++;
    await store.apply(sampleCommit(upload, index)).then(
      () => acknowledged.add(index),
      () => refused.add(index),
    );
  }
  async function commit(): Promise<void> {
    while (!isOver) await commitOne();
  }

  const work = Array.from({ length: AT_ONCE }, commit);
  for (let round = 0; round < ROUNDS; round++) {
    const enough = acknowledged.size + 40 + 37 * round;
    await expect
      .poll(() => acknowledged.size, { timeout: 30_000, interval: 1 })
      .toBeGreaterThan(enough);
    await postgres.kill();
    // All the others may wait for what became of theirs; this one cannot have happened.
    const late = commitOne();
    // Away for many times the patience of a change.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await postgres.start();
    await late;
  }
  isOver = true;
  await Promise.all(work);
  const { bits } = await store.parts(upload.id);
  await store.close();
  const isStored = (index: number) => hasPart({ partCount: 100_000, bits }, index);
  expect(fatal).toEqual([]);
  expect([...acknowledged].filter((index) => !isStored(index))).toEqual([]);
  expect([...refused].filter(isStored)).toEqual([]);
  expect(acknowledged.size + refused.size).toBe(next);
  expect(refused.size).toBeGreaterThan(0);
});

it("refuses changes while PostgreSQL is away for too long, and goes on when it is back", async () => {
  const store = await openPostgresMetadata({
    address: postgres.url,
    place: "here",
    patienceMs: 300,
  });
  const upload = sampleUpload(3);
  await postgres.kill();
  expect((await refusal(store.apply({ kind: "create", upload }))).code).toBe("storage_failed");
  expect((await refusal(store.upload(upload.id))).code).toBe("storage_failed");
  await postgres.start();
  await store.apply({ kind: "create", upload });
  expect(await store.upload(upload.id)).toEqual(upload);
  await store.close();
});

it("lets one server write, and ends one that another has taken over from", async () => {
  const fatal: HoldfastError[] = [];
  const options = {
    address: postgres.url,
    place: "here",
    onFatal: (e: HoldfastError) => fatal.push(e),
  };
  const store = await openPostgresMetadata(options);
  const refused = await openPostgresMetadata(options).catch((cause: unknown) => cause);
  expect(isHoldfastError(refused) && [refused.code, refused.message]).toEqual([
    "metadata_unusable",
    expect.stringContaining("another server uses its records"),
  ]);
  await sql("DELETE FROM writers");
  const { code } = await refusal(store.apply({ kind: "create", upload: sampleUpload(1) }));
  expect([code, fatal.map((error) => error.code)]).toEqual(["storage_failed", ["storage_failed"]]);
  await store.close();
});

it.each([
  ["of another data directory", "", "there", "those of other bytes"],
  ["of a newer version", "UPDATE version SET version = 99", "here", "of version 99"],
])("refuses records %s", async (_, change, place, reason) => {
  await openPostgresMetadata({ address: postgres.url, place: "here" }).then((store) =>
    store.close(),
  );
  if (change !== "") await sql(change);
  const opened = openPostgresMetadata({ address: postgres.url, place });
  await expect(opened).rejects.toMatchObject({
    code: "metadata_unusable",
    message: expect.stringContaining(reason),
  });
});
