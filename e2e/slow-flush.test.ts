// Every flush takes ten milliseconds more, below the process: flushes are shared, and nothing else changes. Times are for `npm run bench`.
import { join } from "node:path";
import { MIB, partCount } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { startServer, stopServer } from "@holdfast/testkit/process";
import { buildSlowFlush } from "@holdfast/testkit/shim/slow-flush";
import { expect, it } from "vitest";
import { withScratch } from "./kit/scratch.ts";
import { completeJob, createJob, putRun, servedDifference, viewOf } from "./kit/wire.ts";

it("flushes for groups and not for parts", { timeout: 40_000 }, () =>
  withScratch(async (directory) => {
    const slow = await buildSlowFlush(directory, 10);
    const server = await startServer({
      data: join(directory, "data"),
      port: await freePort(),
      env: slow.env,
    });
    const contents = Array.from({ length: 8 }, (_, at) => ({ seed: 71 + at, size: 16 * MIB }));
    const jobs = await Promise.all(contents.map((content) => createJob(server.url, content)));
    const before = await slow.flushes();
    expect(before).toBeGreaterThan(0);
    const runs = jobs.flatMap((job) => [
      putRun(server.url, job, [0, 8]),
      putRun(server.url, job, [8, 16]),
    ]);
    for (const reply of await Promise.all(runs)) expect(reply.status).toBe(200);
    const flushes = (await slow.flushes()) - before;
    const parts = jobs.reduce((sum, job) => sum + partCount(job.grid), 0);
    // One flush of bytes and one of the record for every part would be twice the parts.
    expect(flushes).toBeGreaterThanOrEqual(8 + 1);
    expect(flushes).toBeLessThan(parts);
    for (const job of jobs) {
      const done = await completeJob(server.url, job.id);
      expect(done.status).toBe(200);
      const url = viewOf(done).file?.url ?? "";
      expect(await servedDifference(server.url, url, job.content)).toBeUndefined();
    }
    await stopServer(server);
  }),
);
