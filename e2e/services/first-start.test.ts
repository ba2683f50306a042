// Several servers that begin at the same moment, with a bucket and a database that nobody has used before: one of them names both, and all of them are one.
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { type ServerProcess, startServer, stopServer } from "@holdfast/testkit/process";
import { type S3Double, startS3Double } from "@holdfast/testkit/s3-double/server";
import { type Postgres, startPostgres } from "@holdfast/testkit/services/postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { inDouble, type Store } from "../kit/bucket.ts";
import type { Kind } from "../kit/gate.ts";
import { type Hold, holdFirst } from "../kit/hold.ts";
import { withScratch } from "../kit/scratch.ts";
import { completeJob, createJob, fieldsOf, putRun, servedDifference } from "../kit/wire.ts";

const LONG = { timeout: 120_000 };

let postgres: Postgres;
let store: Store;
beforeAll(async () => {
  postgres = await startPostgres();
  store = inDouble(await startS3Double());
});
afterAll(async () => {
  await store.stop();
  await postgres.stop();
});

const writesMark: Kind = ({ method, url = "" }) => method === "PUT" && /\/holdfast\.json/.test(url);

/** The store, over a line on which the first who want to name a bucket wait. */
async function withHold(
  { count, double }: { readonly count: number; readonly double?: S3Double },
  work: (hold: Hold, env: Store["env"]) => Promise<void>,
): Promise<void> {
  const { url, env } = double ? inDouble(double) : store;
  const hold = await holdFirst(url, count, writesMark);
  const atHold = (prefix: string) => {
    const { HOLDFAST_STORAGE = "", ...others } = env(prefix);
    return { ...others, HOLDFAST_STORAGE: HOLDFAST_STORAGE.replace(url, hold.url) };
  };
  try {
    await work(hold, atHold);
  } finally {
    await hold.close();
  }
}

async function untilWaiting(hold: Hold, count: number): Promise<void> {
  await expect.poll(hold.waiting, { timeout: 60_000 }).toBe(count);
}

const isOpen = async (schema: string) => {
  const [row] = await postgres.ask(`SELECT is_open FROM ${schema}.owner`);
  return row?.["is_open"] !== "0";
};

/** What any of them takes all of them have. */
async function expectOne([first, second]: readonly ServerProcess[]): Promise<void> {
  const [a = "", b = ""] = [first?.url, second?.url];
  const content = { seed: 2, size: 8 * MIB };
  const job = await createJob(a, content);
  expect((await putRun(b, job, [0, 1])).status).toBeLessThan(300);
  expect((await completeJob(a, job.id)).status).toBe(200);
}

it(
  "goes on where the first one died after it had named the records, and before the bucket had that name",
  LONG,
  () =>
    withScratch((directory) =>
      withHold({ count: 2 }, async (hold, envOf) => {
        const schema = "died";
        const metadata = { HOLDFAST_METADATA: `${postgres.url}?schema=${schema}` };
        const first = { ...store.env("died-before"), ...metadata };
        await stopServer(
          await startServer({ data: join(directory, "dead"), port: await freePort(), env: first }),
        );
        await postgres.ask(`UPDATE ${schema}.owner SET is_open = 1`);
        // Of another bucket, which has no name, and by servers that know nothing of the dead one.
        const env = { ...envOf("died"), ...metadata };
        const starting = ["a", "b"].map((name) =>
          startServer({ data: join(directory, name), port: 0, env }),
        );
        const started = Promise.all(starting);
        // Both have found that nobody is at it: neither goes on before the other has got as far.
        await Promise.race([started, untilWaiting(hold, 2)]);
        hold.release();
        const servers = await started;
        expect(await isOpen(schema)).toBe(false);
        await expectOne(servers);
        await Promise.all(servers.map(stopServer));
      }),
    ),
);

it.each(["aws", "ceph"] as const)(
  "one that is slow to name the bucket is helped, and comes after: %s",
  LONG,
  (profile) =>
    withScratch(async (directory) => {
      const double = await startS3Double({ profile });
      await withHold({ count: 1, double }, async (hold, envOf) => {
        const schema = `slow_${profile}`;
        const metadata = { HOLDFAST_METADATA: `${postgres.url}?schema=${schema}` };
        const env = { ...envOf("slow"), ...metadata };
        const starting = ["a", "b"].map((name) =>
          startServer({ data: join(directory, name), port: 0, env }),
        );
        const started = Promise.all(starting);
        await Promise.race([started, ...starting]);
        expect(hold.waiting()).toBe(1);
        hold.release();
        const servers = await started;
        expect(await isOpen(schema)).toBe(false);
        await expectOne(servers);
        await Promise.all(servers.map(stopServer));
        // As their directories, the records and the bucket say.
        await stopServer(await startServer({ data: join(directory, "a"), port: 0, env }));
        await stopServer(await startServer({ data: join(directory, "b"), port: 0, env }));
      });
      await double.close();
    }),
);

it("of two that name two buckets for one database, one is refused", LONG, () =>
  withScratch((directory) =>
    withHold({ count: 1 }, async (hold, envOf) => {
      const metadata = { HOLDFAST_METADATA: `${postgres.url}?schema=two_buckets` };
      const starting = ["one", "other"].map((name) =>
        startServer({ data: join(directory, name), port: 0, env: { ...envOf(name), ...metadata } }),
      );
      const ended = Promise.allSettled(starting);
      await Promise.race(starting);
      hold.release();
      const results = await ended;
      const refused = results.filter((one) => one.status === "rejected");
      expect(refused.map(({ reason }) => String(reason))).toEqual([
        expect.stringMatching(/\(7\).*metadata_unusable/s),
      ]);
      for (const one of results) if (one.status === "fulfilled") await stopServer(one.value);
    }),
  ),
);

it(
  "of two databases that are named for one bucket, one after the other, the second is refused",
  LONG,
  () =>
    withScratch(async (directory) => {
      const start = (data: string, schema: string) => {
        const metadata = { HOLDFAST_METADATA: `${postgres.url}?schema=${schema}` };
        const env = { ...store.env("two-databases"), ...metadata };
        return startServer({ data: join(directory, data), port: 0, env });
      };
      // Nothing is stored: the name alone says that the bucket is theirs.
      await stopServer(await start("first", "two_first"));
      await expect(start("second", "two_second")).rejects.toThrow(/\(7\).*storage_unusable/s);
      // Nor does it help to ask again.
      await expect(start("second", "two_second")).rejects.toThrow(/\(7\)/);
      await stopServer(await start("first", "two_first"));
    }),
);

it.each(["first", "second", "third"])(
  "three servers begin at once, the %s time",
  {
    timeout: 120_000,
  },
  (schema) =>
    withScratch(async (directory) => {
      const env = { ...store.env(schema), HOLDFAST_METADATA: `${postgres.url}?schema=${schema}` };
      const ports = await Promise.all([freePort(), freePort(), freePort()]);
      const starting = ports.map((port, at) =>
        startServer({ data: join(directory, `server-${at}`), port, env }),
      );
      const servers = (await Promise.allSettled(starting)).map((one) => {
        if (one.status === "rejected") throw one.reason;
        return one.value;
      });
      const [a, b, c] = servers.map(({ url }) => url);
      if (!a || !b || !c) throw new Error("there are three");
      const content = { seed: 1, size: 8 * MIB + 1 };
      const job = await createJob(a, content);
      expect((await putRun(b, job, [0, 1])).status).toBeLessThan(300);
      expect((await putRun(c, job, [1, 2])).status).toBeLessThan(300);
      const done = fieldsOf(await completeJob(a, job.id));
      const file = Object(done.get("file"));
      expect(await servedDifference(c, `/v1/files/${file.id}`, content)).toBe(undefined);
      await Promise.all(servers.map(stopServer));
    }),
);
