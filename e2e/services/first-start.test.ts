// Several servers that begin at the same moment, with a bucket and a database that nobody has used before: one of them names both, and all of them are one.
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { startServer, stopServer } from "@holdfast/testkit/process";
import { startS3Double } from "@holdfast/testkit/s3-double/server";
import { type Postgres, startPostgres } from "@holdfast/testkit/services/postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { inDouble, type Store } from "../kit/bucket.ts";
import { withScratch } from "../kit/scratch.ts";
import { completeJob, createJob, fieldsOf, putRun, servedDifference } from "../kit/wire.ts";

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

it(
  "goes on where the first one died after it had named the records, and before the bucket had that name",
  {
    timeout: 120_000,
  },
  () =>
    withScratch(async (directory) => {
      const schema = "died";
      const metadata = { HOLDFAST_METADATA: `${postgres.url}?schema=${schema}` };
      const first = { ...store.env("died-before"), ...metadata };
      await stopServer(
        await startServer({ data: join(directory, "dead"), port: await freePort(), env: first }),
      );
      await postgres.ask(`UPDATE ${schema}.owner SET is_open = 1`);
      // Of another bucket, which has no name, and by servers that know nothing of the dead one.
      const env = { ...store.env("died"), ...metadata };
      const starting = ["a", "b"].map(async (name) =>
        startServer({ data: join(directory, name), port: await freePort(), env }),
      );
      const servers = await Promise.all(starting);
      expect(await postgres.ask(`SELECT is_open FROM ${schema}.owner`)).toEqual([{ is_open: "0" }]);
      const [a, b] = servers.map(({ url }) => url);
      const content = { seed: 2, size: 8 * MIB };
      const job = await createJob(a ?? "", content);
      expect((await putRun(b ?? "", job, [0, 1])).status).toBeLessThan(300);
      expect((await completeJob(a ?? "", job.id)).status).toBe(200);
      await Promise.all(servers.map(stopServer));
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
