// Memory of a server whose bytes go to a bucket: what one upload takes over idle, whichever way it comes, and slow ones that keep none of it from a fast one.
import { readFile, writeFile } from "node:fs/promises";
import { type ClientRequest, request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MIB, partCount } from "@holdfast/protocol";
import { type ServerProcess, startServer } from "@holdfast/testkit/process";
import { type S3Double, startS3Double } from "@holdfast/testkit/s3-double/server";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inDouble } from "./kit/bucket.ts";
import { withScratch } from "./kit/scratch.ts";
import { bytesOf } from "./kit/source.ts";
import { completeJob, createAgent, createJob, type Job, putRun, statusOf } from "./kit/wire.ts";

let double: S3Double;
beforeEach(async () => {
  double = await startS3Double();
});
afterEach(() => double.close());

const LARGE = { seed: 81, size: 192 * MIB };
const OVER_IDLE_MAX: number = 96 * MIB;

function withServer(work: (server: ServerProcess) => Promise<void>): Promise<void> {
  return withScratch(async (directory) => {
    const data = join(directory, "data");
    const server = await startServer({ data, port: 0, env: inDouble(double).env("ours") });
    // Whatever is loaded when it is used first belongs to no upload.
    await byAppend(server, await createJob(server.url, { seed: 80, size: 9 * MIB }));
    await work(server);
  });
}

/** In bytes: what the kernel counts, now (`VmRSS`) or at most since the last `resetPeak` (`VmHWM`). */
async function memoryOf({ serverPid }: ServerProcess, field: "VmRSS" | "VmHWM"): Promise<number> {
  const status = await readFile(`/proc/${serverPid}/status`, "utf8");
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) * 1024;
}

function resetPeak({ serverPid }: ServerProcess): Promise<void> {
  return writeFile(`/proc/${serverPid}/clear_refs`, "5");
}

interface Sending {
  readonly sending: ClientRequest;
  readonly status: Promise<number>;
}

function openAppend({ url }: ServerProcess, { id, content }: Job): Sending {
  const sending = request(new URL(`/v1/uploads/${id}`, url), {
    method: "PATCH",
    headers: {
      "content-type": "application/partial-upload",
      "content-length": `${content.size}`,
      "upload-offset": "0",
      "upload-complete": "?1",
    },
  });
  const status = new Promise<number>((resolve, reject) => {
    sending.on("error", reject).on("response", (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    });
  });
  return { sending, status };
}

async function write({ sending }: Sending, { content }: Job, start: number, end: number) {
  for (let at = start; at < end; at += MIB) {
    const isFull = !sending.write(bytesOf(content, at, Math.min(end, at + MIB)));
    if (isFull) await new Promise((resolve) => sending.once("drain", resolve));
  }
}

async function byAppend(server: ServerProcess, job: Job): Promise<void> {
  const open = openAppend(server, job);
  await write(open, job, 0, job.content.size);
  open.sending.end();
  expect(await open.status).toBe(201);
}

async function byParts({ url }: ServerProcess, job: Job): Promise<void> {
  const agent = createAgent();
  const indexes = Array.from({ length: partCount(job.grid) }, (_, index) => index);
  const lane = async (): Promise<void> => {
    for (let index = indexes.shift(); index !== undefined; index = indexes.shift()) {
      expect((await putRun(url, job, [index, index + 1], agent)).status).toBe(200);
    }
  };
  await Promise.all(Array.from({ length: 6 }, lane));
  agent.destroy();
  expect((await completeJob(url, job.id)).status).toBe(200);
}

describe("one upload through a server into a bucket", () => {
  it.each([
    ["by one append", byAppend],
    ["by parts, six at once", byParts],
  ] as const)(
    "takes at most 96 MiB over idle: %s",
    (_, send) =>
      withServer(async (server) => {
        const job = await createJob(server.url, LARGE);
        const idle = await memoryOf(server, "VmRSS");
        await resetPeak(server);
        await send(server, job);
        expect((await statusOf(server.url, job.id)).state).toBe("complete");
        const peak = await memoryOf(server, "VmHWM");
        expect(peak).toBeGreaterThan(0);
        expect(peak - idle).toBeLessThan(OVER_IDLE_MAX);
      }),
    120_000,
  );
});

it(
  "nine slow uploads beside a fast one: it gets through while they wait, and then so do they",
  () =>
    withServer(async (server) => {
      const slow = await Promise.all(
        Array.from({ length: 9 }, async (_, number) => {
          const job = await createJob(server.url, { seed: 90 + number, size: 12 * MIB });
          const open = openAppend(server, job);
          await write(open, job, 0, 5 * MIB + 1234);
          return { job, open };
        }),
      );
      const trickle = new AbortController();
      const trickling = slow.map(async ({ job, open }) => {
        let at = 5 * MIB + 1234;
        while (!trickle.signal.aborted) {
          open.sending.write(bytesOf(job.content, at, at + 1000));
          at += 1000;
          await sleep(100);
        }
        return at;
      });
      await byAppend(server, await createJob(server.url, { seed: 82, size: 64 * MIB }));
      await byParts(server, await createJob(server.url, { seed: 83, size: 64 * MIB }));
      trickle.abort();
      for (const [number, { job, open }] of slow.entries()) {
        await write(open, job, (await trickling[number]) ?? 0, job.content.size);
        open.sending.end();
        expect(await open.status).toBe(201);
      }
    }),
  120_000,
);
