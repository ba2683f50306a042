// Under strace: for every 2xx, data writes, their flush, that of their name, then the record's flush, only then the answer; for files whole, appended and completed too.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { KIB, MIB, partCount } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { type ServerProcess, startServer, stopServer } from "@holdfast/testkit/process";
import { expect, it } from "vitest";
import { checkOrder, type OrderReport } from "./kit/order.ts";
import { withScratch } from "./kit/scratch.ts";
import { readTrace, STRACE } from "./kit/strace.ts";
import { ask, completeJob, createAgent, createJob, type Job, putRun } from "./kit/wire.ts";

const SIZE = 12 * MIB + 1234;

/** Serves under strace while `load` works, and judges the trace. */
function traced(
  isSequential: boolean,
  load: (server: ServerProcess) => Promise<number>,
): Promise<void> {
  return withScratch(async (directory) => {
    const trace = join(directory, "trace");
    const server = await startServer({
      data: join(directory, "data"),
      port: await freePort(),
      wrapper: [...STRACE, "-o", trace],
    });
    const acknowledged = await load(server);
    await stopServer(server);
    const report = judge(await readFile(trace, "latin1"), isSequential);
    expect(report.violations).toEqual([]);
    expect(report.answers).toBe(acknowledged);
  });
}

function judge(trace: string, isSequential: boolean): OrderReport {
  return checkOrder(readTrace(trace), {
    partSize: MIB,
    size: SIZE,
    isBytes: (path, id) => path.endsWith(`/${id}.bytes`),
    isManifest: (path, id) => path.endsWith(`/${id}.manifest`),
    isJournal: (path) => path.endsWith("-wal"),
    isSequential,
  });
}

async function put(server: ServerProcess, job: Job, from: number, to: number): Promise<number> {
  const agent = createAgent();
  const reply = await putRun(server.url, job, [from, to], agent);
  expect([from, to, reply.status]).toEqual([from, to, 200]);
  agent.destroy();
  return 1;
}

it("acknowledges no part before its bytes and its record are durable", { timeout: 40_000 }, () =>
  traced(true, async (server) => {
    const job = await createJob(server.url, { seed: 31, size: SIZE });
    let acknowledged = 0;
    // The last and shorter part first, one of them twice: the second time nothing needs to be written.
    for (const index of [12, 0, 5, 5, 1, 2]) {
      acknowledged += await put(server, job, index, index + 1);
    }
    return acknowledged;
  }),
);

it("keeps that order for eight requests at once, runs and parts", { timeout: 40_000 }, () =>
  traced(false, async (server) => {
    const contents = [41, 42, 43, 44].map((seed) => ({ seed, size: SIZE }));
    const jobs = await Promise.all(contents.map((content) => createJob(server.url, content)));
    const halves = jobs.flatMap((job) => [putHalf(server, job, 0, 8), putHalf(server, job, 8, 99)]);
    const counts = await Promise.all(halves);
    return counts.reduce((sum, count) => sum + count, 0);
  }),
);

it("acknowledges no append before that either", { timeout: 40_000 }, () =>
  traced(true, async (server) => {
    const job = await createJob(server.url, { seed: 32, size: SIZE });
    let offset = 0;
    // Within a part, across a border, and with an end that is no whole block.
    const sizes = [100_000, MIB, 5_000];
    for (const size of sizes) {
      const headers = {
        "content-type": "application/partial-upload",
        "upload-offset": `${offset}`,
        "upload-complete": "?0",
      };
      const body = new Uint8Array(size).fill(1);
      const path = `/v1/uploads/${job.id}`;
      const { status } = await ask(server.url, { method: "PATCH", path, headers, body });
      expect([offset, status]).toEqual([offset, 204]);
      offset += size;
    }
    return sizes.length;
  }),
);

it(
  "acknowledges no completion before bytes, manifest, names and record are durable",
  { timeout: 40_000 },
  () =>
    traced(true, async (server) => {
      const job = await createJob(server.url, { seed: 33, size: SIZE });
      const acknowledged = await putHalf(server, job, 0, 99);
      const { status } = await completeJob(server.url, job.id);
      expect(status).toBe(200);
      return acknowledged + 1;
    }),
);

it("acknowledges no append that completes before that either", { timeout: 40_000 }, () =>
  traced(true, async (server) => {
    const { id } = await createJob(server.url, { seed: 34, size: MIB + 5 });
    const headers = {
      "content-type": "application/partial-upload",
      "upload-offset": "0",
      "upload-complete": "?1",
    };
    const body = new Uint8Array(MIB + 5).fill(1);
    const path = `/v1/uploads/${id}`;
    const { status } = await ask(server.url, { method: "PATCH", path, headers, body });
    expect(status).toBe(201);
    return 1;
  }),
);

it("acknowledges no whole file before that, small, empty or large", { timeout: 40_000 }, () =>
  traced(true, async (server) => {
    // Whole blocks go past the page cache, an end within one does not; the last two are too large for one step.
    const sizes = [64 * KIB, 5000, 0, 256 * KIB, 256 * KIB + 1, 3 * MIB];
    for (const [at, size] of sizes.entries()) {
      const key = at % 2 === 0 ? {} : { "idempotency-key": `key-${at}` };
      const headers = { "content-disposition": 'attachment; filename="a"', ...key };
      const body = new Uint8Array(size).fill(7);
      const { status } = await ask(server.url, {
        method: "POST",
        path: "/v1/files",
        headers,
        body,
      });
      expect([size, status]).toEqual([size, 201]);
    }
    return sizes.length;
  }),
);

/** A run, then what is left part by part. */
async function putHalf(server: ServerProcess, job: Job, from: number, to: number): Promise<number> {
  const end = Math.min(to, partCount(job.grid));
  let acknowledged = await put(server, job, from, from + 4);
  for (let index = from + 4; index < end; index++) {
    acknowledged += await put(server, job, index, index + 1);
  }
  return acknowledged;
}
