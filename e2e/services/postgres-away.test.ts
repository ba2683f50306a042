// PostgreSQL goes away under a running server, and comes back: what those who ask are told meanwhile, and that all goes on by itself.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MIB } from "@holdfast/protocol";
import { startServer, stopServer } from "@holdfast/testkit/process";
import { type Postgres, startPostgres } from "@holdfast/testkit/services/postgres";
import { expect, it } from "vitest";
import { withScratch } from "../kit/scratch.ts";
import {
  ask,
  codeOf,
  completeJob,
  createJob,
  fieldsOf,
  postJson,
  putRun,
  type Reply,
  servedDifference,
  viewOf,
} from "../kit/wire.ts";

/** Each with a PostgreSQL of its own, which it takes away. */
const withPostgres = (work: (directory: string, postgres: Postgres) => Promise<void>) =>
  withScratch(async (directory) => {
    const postgres = await startPostgres();
    try {
      await work(directory, postgres);
    } finally {
      await postgres.stop();
    }
  });

/** What is told while a store is away: try again later, and when. */
function expectLater(reply: Reply): void {
  expect([reply.status, codeOf(reply)]).toEqual([503, "storage_failed"]);
  expect(Number(reply.headers["retry-after"])).toBeGreaterThan(0);
}

it.concurrent("tells everybody to come again, and goes on when it is back", (context) =>
  withPostgres(async (directory, postgres) => {
    const env = { HOLDFAST_METADATA: postgres.url };
    const server = await startServer({ data: join(directory, "data"), port: 0, env });
    const { url } = server;
    const content = { seed: 6, size: 4 * MIB };
    const job = await createJob(url, content, MIB);
    expect((await putRun(url, job, [0, 1])).status).toBe(200);
    const ready = () => ask(url, { method: "GET", path: "/readyz" });
    expect((await ready()).status).toBe(200);

    await postgres.kill();
    const since = performance.now();
    const unready = await ready();
    expect(performance.now() - since).toBeLessThan(4000);
    expect([unready.status, fieldsOf(unready).get("reasons")]).toEqual([503, ["storage_failed"]]);
    expect(unready.headers["retry-after"]).toBe("1");
    for (const path of ["/livez", "/metrics", "/"]) {
      expect([path, (await ask(url, { method: "GET", path })).status]).toEqual([path, 200]);
    }
    const asked = performance.now();
    const replies = await Promise.all([
      putRun(url, job, [1, 2]),
      postJson(url, "/v1/uploads", { name: "x", size: 1 }),
      ask(url, { method: "GET", path: `/v1/files/${"a".repeat(25)}e` }),
      ask(url, { method: "GET", path: "/v1/files" }),
    ]);
    // A client that hears nothing for 30 s takes the line for dead: it hears before.
    expect(performance.now() - asked).toBeLessThan(25_000);
    for (const reply of replies) expectLater(reply);

    await postgres.start();
    await context.expect.poll(async () => (await ready()).status, { timeout: 10_000 }).toBe(200);
    expect((await putRun(url, job, [1, 4])).status).toBe(200);
    const done = await completeJob(url, job.id);
    expect(done.status).toBe(200);
    expect(await servedDifference(url, viewOf(done).file?.url ?? "", content)).toBeUndefined();
    expect(await stopServer(server)).toEqual({ code: 0, signal: null });
  }));

it.concurrent("keeps requests waiting over a restart that is short", () =>
  withPostgres(async (directory, postgres) => {
    const env = { HOLDFAST_METADATA: postgres.url };
    const server = await startServer({ data: join(directory, "data"), port: 0, env });
    const job = await createJob(server.url, { seed: 7, size: 2 * MIB }, MIB);
    await postgres.kill();
    const waiting = [
      putRun(server.url, job, [0, 2]),
      ask(server.url, { method: "GET", path: "/v1/files" }),
      postJson(server.url, "/v1/uploads", { name: "x", size: 1 }),
    ];
    await sleep(500);
    await postgres.start();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 201]);
    await stopServer(server);
  }));

it.concurrent("ends in time when it is told to while PostgreSQL is away", () =>
  withPostgres(async (directory, postgres) => {
    const env = { HOLDFAST_METADATA: postgres.url };
    const data = join(directory, "data");
    const server = await startServer({ data, port: 0, env });
    const job = await createJob(server.url, { seed: 8, size: 2 * MIB }, MIB);
    await postgres.kill();
    const sending = putRun(server.url, job, [0, 1]).catch(() => undefined);
    await sleep(300);
    const since = performance.now();
    await stopServer(server);
    expect(performance.now() - since).toBeLessThan(20_000);
    await sending;
    await postgres.start();
    const again = await startServer({ data, port: 0, env });
    expect((await putRun(again.url, job, [0, 2])).status).toBe(200);
    await stopServer(again);
  }));
