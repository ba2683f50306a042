// What can be wrong with a PostgreSQL, or with the way to it, other than that it dies or falls silent: what is refused at the start, and what passes.
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect as connectSocket, createServer } from "node:net";
import { join } from "node:path";
import type { HoldfastError } from "@holdfast/protocol";
import { refusal } from "@holdfast/testkit/contracts/metadata-bench";
import { sampleCommit, sampleUpload } from "@holdfast/testkit/metadata/samples";
import { type Postgres, startPostgres } from "@holdfast/testkit/services/postgres";
import pg from "pg";
import { afterEach, describe, expect, it } from "vitest";
import { openPostgresMetadata, type PostgresMetadataOptions } from "./index.ts";

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

async function start(settings: Readonly<Record<string, string>> = {}): Promise<Postgres> {
  const postgres = await startPostgres(settings);
  stops.push(postgres.stop);
  return postgres;
}

function open(address: string, more: Partial<PostgresMetadataOptions> = {}) {
  return openPostgresMetadata({ address, place: "here", ...more });
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  // Of one that is ended with its server.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

describe("what could lose or bend records is refused at the start", () => {
  it.each([
    ["fsync", "it runs with fsync = off, and would lose acknowledged bytes"],
    ["full_page_writes", "it runs with full_page_writes = off"],
  ])("%s = off", async (name, reason) => {
    const postgres = await start({ [name]: "off" });
    await expect(open(postgres.url)).rejects.toMatchObject({
      code: "metadata_unusable",
      details: { reason },
    });
  });

  it("a standby", async () => {
    const postgres = await start();
    await postgres.kill();
    await writeFile(join(postgres.data, "standby.signal"), "");
    await postgres.start();
    await expect(open(postgres.url)).rejects.toMatchObject({
      code: "metadata_unusable",
      message: expect.stringContaining("it is a standby"),
    });
  });

  it("a database of another encoding", async () => {
    const postgres = await start();
    const client = await connect(postgres.url);
    await client.query("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'");
    await client.end();
    const opened = open(postgres.url.replace(/postgres$/, "latin"));
    await expect(opened).rejects.toMatchObject({
      code: "metadata_unusable",
      message: expect.stringContaining("is not UTF8"),
    });
  });

  it("and commits wait for the disk, whatever the database says of them", async () => {
    const postgres = await start({ synchronous_commit: "off" });
    const store = await open(postgres.url);
    stops.push(store.close);
    const client = await connect(postgres.url);
    stops.push(() => client.end());
    // A trigger sees the setting of the session that commits.
    await client.query(`CREATE TABLE public.seen (setting text);
      CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$;
      CREATE TRIGGER see AFTER INSERT ON holdfast.uploads FOR EACH ROW EXECUTE FUNCTION public.see()`);
    await store.apply({ kind: "create", upload: sampleUpload(1) });
    expect((await client.query("SELECT * FROM public.seen")).rows).toEqual([{ setting: "on" }]);
  });
});

it("one that is starting up is waited for", async () => {
  const postgres = await start();
  let refusals = 3;
  const server = createServer((client) => {
    client.on("error", () => undefined);
    if (refusals-- > 0) {
      // To the request for TLS as to the greeting: "the database system is starting up".
      client.once("data", () => client.end(starting()));
      return;
    }
    const other = connectSocket(postgres.port, "127.0.0.1").on("error", () => client.destroy());
    client.pipe(other).pipe(client);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  stops.push(async () => server.close());
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const store = await open(postgres.url.replace(`:${postgres.port}/`, `:${port}/`));
  expect(refusals).toBeLessThan(0);
  await store.close();
});

/** An ErrorResponse as PostgreSQL sends it. */
function starting(): Buffer {
  const fields = "SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0";
  const head = Buffer.alloc(5, "E");
  head.writeInt32BE(4 + fields.length, 1);
  return Buffer.concat([head, Buffer.from(fields)]);
}

describe("connections", () => {
  it("are few, however much is asked at once", async () => {
    const postgres = await start();
    const store = await open(postgres.url);
    stops.push(store.close);
    const upload = sampleUpload(3);
    await store.apply({ kind: "create", upload });
    const found = await Promise.all(Array.from({ length: 2000 }, () => store.upload(upload.id)));
    expect(found.every((one) => one?.id === upload.id)).toBe(true);
    const client = await connect(postgres.url);
    stops.push(() => client.end());
    const { rows } = await client.query(
      "SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'holdfast'",
    );
    expect(rows).toEqual([{ count: 5 }]);
  });

  it("that others have all taken are waited for", async () => {
    const postgres = await start({ max_connections: "12", superuser_reserved_connections: "0" });
    const store = await open(postgres.url);
    stops.push(store.close);
    const upload = sampleUpload(3);
    await store.apply({ kind: "create", upload });
    const others: pg.Client[] = [];
    stops.push(() => Promise.all(others.map((other) => other.end())));
    for (;;) {
      const other = await connect(postgres.url).catch(() => undefined);
      if (!other) break;
      others.push(other);
    }
    expect(others.length).toBeGreaterThan(5);
    // The connection that writes is there already; none is left to read by.
    await store.apply(sampleCommit(upload, 0));
    const reading = store.upload(upload.id);
    const first = await Promise.race([reading, new Promise((done) => setTimeout(done, 500))]);
    expect(first).toBeUndefined();
    await others.pop()?.end();
    expect((await reading)?.id).toBe(upload.id);
  });
});

it("what was being read when it died is asked again", async () => {
  const postgres = await start();
  const store = await open(postgres.url);
  stops.push(store.close);
  const upload = sampleUpload(1);
  await store.apply({ kind: "create", upload });
  const client = await connect(postgres.url);
  await client.query("BEGIN; LOCK TABLE holdfast.uploads");
  const reading = store.upload(upload.id);
  const waits = "SELECT count(*)::int AS count FROM pg_locks WHERE NOT granted";
  await expect.poll(async () => (await client.query(waits)).rows).toEqual([{ count: 1 }]);
  await postgres.kill();
  await postgres.start();
  expect(await reading).toEqual(upload);
});

it("records that have lost what was acknowledged, as after a failover, are gone on with by a new start only", async () => {
  const postgres = await start();
  const fatal: HoldfastError[] = [];
  const store = await open(postgres.url, { onFatal: (error) => fatal.push(error) });
  stops.push(store.close);
  const upload = sampleUpload(3);
  await store.apply({ kind: "create", upload });
  await store.apply(sampleCommit(upload, 0));
  const client = await connect(postgres.url);
  stops.push(() => client.end());
  await client.query("UPDATE holdfast.writers SET commits = commits - 1");
  await client.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holdfast'",
  );
  expect((await refusal(store.apply(sampleCommit(upload, 1)))).code).toBe("storage_failed");
  expect(fatal.map(({ message }) => message)).toEqual([expect.stringContaining("have lost 1")]);
});

it("another server that is started beside this one may change the tables under it", async () => {
  const postgres = await start();
  const store = await open(postgres.url);
  stops.push(store.close);
  const upload = sampleUpload(3);
  await store.apply({ kind: "create", upload });
  await store.apply(sampleCommit(upload, 0));
  await store.upload(upload.id);
  const client = await connect(postgres.url);
  stops.push(() => client.end());
  for (const table of ["uploads", "tails", "part_pages", "files", "usage"]) {
    await client.query(`ALTER TABLE holdfast.${table} ADD COLUMN later text`);
  }
  await store.apply(sampleCommit(upload, 1));
  expect((await store.parts(upload.id)).bits[0]).toBe(3);
  expect(await store.upload(upload.id)).toBeDefined();
});

it("a text with a NUL, which PostgreSQL cannot keep, is refused alone; metadata may have one", async () => {
  const postgres = await start();
  const store = await open(postgres.url);
  stops.push(store.close);
  const bad = sampleUpload(1, { name: "a\0b" });
  const good = Array.from({ length: 20 }, () =>
    sampleUpload(1, { metadata: new Map([["a\0b", "\0"]]) }),
  );
  const all = [...good.slice(0, 10), bad, ...good.slice(10)];
  const outcomes = await Promise.allSettled(
    all.map((upload) => store.apply({ kind: "create", upload })),
  );
  expect(outcomes.flatMap(({ status }, at) => (status === "rejected" ? [at] : []))).toEqual([10]);
  expect((await refusal(store.apply({ kind: "create", upload: bad }))).code).toBe("internal");
  expect(await store.upload(bad.id)).toBeUndefined();
  for (const upload of good) expect(await store.upload(upload.id)).toEqual(upload);
});
