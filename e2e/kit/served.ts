// One server for a file of tests, which must still live, and still do the main job, after each of them.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MIB, partCount } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { killAll, type ServerProcess, startServer } from "@holdfast/testkit/process";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { completeJob, createJob, putRun, servedDifference, viewOf } from "./wire.ts";

export interface Served {
  directory(): string;
  server(): ServerProcess;
  url(): string;
}

export function serveForTests(): Served {
  let directory = "";
  let server: ServerProcess | undefined;
  const running = (): ServerProcess => {
    if (!server) throw new Error("no server before the first test");
    return server;
  };
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "holdfast-e2e-"));
    server = await startServer({ data: join(directory, "data"), port: await freePort() });
  });
  afterEach(() => expectWorking(running().url), 30_000);
  afterAll(async () => {
    killAll();
    await running().exit;
    await rm(directory, { recursive: true, force: true });
  });
  return { directory: () => directory, server: running, url: () => running().url };
}

async function expectWorking(url: string): Promise<void> {
  const content = { seed: 99, size: MIB + 7 };
  const job = await createJob(url, content);
  expect((await putRun(url, job, [0, partCount(job.grid)])).status).toBe(200);
  const done = await completeJob(url, job.id);
  expect(done.status).toBe(200);
  expect(await servedDifference(url, viewOf(done).file?.url ?? "", content)).toBeUndefined();
}
