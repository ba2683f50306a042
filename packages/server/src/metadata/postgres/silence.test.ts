// A PostgreSQL that gives no answer for long: which silence is waited out, which line is given up, and what is told meanwhile. Side by side: all of them only wait.
import { type HoldfastError, hasPart } from "@holdfast/protocol";
import { refusal } from "@holdfast/testkit/contracts/metadata-bench";
import { sampleCommit, sampleUpload } from "@holdfast/testkit/metadata/samples";
import { startProxy } from "@holdfast/testkit/proxy";
import { startPostgres } from "@holdfast/testkit/services/postgres";
import pg from "pg";
import { expect, it, type TestContext } from "vitest";
import { openPostgresMetadata, type PostgresMetadataOptions } from "./index.ts";

/** A PostgreSQL of one test, and what it opens there; all of it ends with the test, the last one first. */
async function startIn({ onTestFinished }: Pick<TestContext, "onTestFinished">) {
  const postgres = await startPostgres();
  onTestFinished(postgres.stop);
  return {
    ...postgres,
    async open(address = postgres.url, more: Partial<PostgresMetadataOptions> = {}) {
      const store = await openPostgresMetadata({ address, place: "here", ...more });
      onTestFinished(store.close);
      return store;
    },
    async connect(): Promise<pg.Client> {
      const client = new pg.Client({ connectionString: postgres.url });
      // Of one that is ended with its server.
      client.on("error", () => undefined);
      await client.connect();
      onTestFinished(() => client.end());
      return client;
    },
  };
}

const elapsed = (ms: number) => new Promise<undefined>((done) => setTimeout(done, ms));

it.concurrent("a commit that waits for a standby is acknowledged when that has it, not when its session has ended", {
  timeout: 120_000,
}, async (context) => {
  const { open, connect } = await startIn(context);
  const store = await open();
  const client = await connect();
  const upload = sampleUpload(3);
  await store.apply({ kind: "create", upload });
  async function setStandby(name: string): Promise<void> {
    await client.query("SET synchronous_commit = local");
    await client.query(`ALTER SYSTEM SET synchronous_standby_names = '${name}'`);
    await client.query("SELECT pg_reload_conf()");
  }
  await setStandby("one_that_is_away");
  // Sessions read it at their next statement.
  await context.expect
    .poll(async () => (await client.query("SHOW synchronous_standby_names")).rows[0])
    .toEqual({ synchronous_standby_names: "one_that_is_away" });
  let isAcknowledged = false;
  const committing = store.apply(sampleCommit(upload, 0)).then(() => {
    isAcknowledged = true;
  });
  // The session is given up meanwhile, and ended: what it has committed can be seen, and is on one disk only.
  await context.expect
    .poll(async () => (await store.parts(upload.id)).bits[0], { timeout: 40_000, interval: 200 })
    .toBe(1);
  await elapsed(3000);
  expect(isAcknowledged).toBe(false);
  await setStandby("");
  await committing;
  expect(isAcknowledged).toBe(true);
});

it.concurrent("a line that falls silent is given up in time, and another one takes its place at once", async (context) => {
  const { url, port, open } = await startIn(context);
  const proxy = await startProxy({ targetPort: port });
  context.onTestFinished(proxy.close);
  const fatal: HoldfastError[] = [];
  const store = await open(url.replace(`:${port}/`, `:${proxy.port}/`), {
    onFatal: (error) => fatal.push(error),
  });
  const upload = sampleUpload(3);
  await store.apply({ kind: "create", upload });
  await store.upload(upload.id);
  for (const connection of proxy.connections) connection.freeze();
  const since = performance.now();
  const [change, read] = await Promise.all([
    refusal(store.apply(sampleCommit(upload, 0))),
    refusal(store.upload(upload.id)),
  ]);
  expect([change.code, read.code]).toEqual(["storage_failed", "storage_failed"]);
  expect(performance.now() - since).toBeLessThan(25_000);
  // The session of before still stands there, and holds the lock of who writes.
  const again = performance.now();
  await store.apply(sampleCommit(upload, 1));
  expect(performance.now() - again).toBeLessThan(5000);
  const parts = { partCount: 3, bits: (await store.parts(upload.id)).bits };
  expect([0, 1].map((index) => hasPart(parts, index))).toEqual([false, true]);
  expect(fatal).toEqual([]);
});

it.concurrent("another server that is started beside this one waits for as long as the tables are being made", async (context) => {
  const { open, connect } = await startIn(context);
  const client = await connect();
  const lock = "(hashtext('holdfast \"holdfast\"'), 1)";
  await client.query(`SELECT pg_advisory_lock${lock}`);
  const opening = open(undefined, { patienceMs: 1000 });
  const outcome = opening.then(
    () => "open",
    (error: unknown) => error,
  );
  // Longer than anything else may wait for a lock.
  expect(await Promise.race([outcome, elapsed(8000)])).toBeUndefined();
  await client.query(`SELECT pg_advisory_unlock${lock}`);
  expect(await outcome).toBe("open");
});
