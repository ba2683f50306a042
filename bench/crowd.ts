// `npm run load`: 1,000 uploads at once for three minutes, 200 of them at 1 KiB/s. Bounded in time and bytes; prints one JSON object, and exits with 1 where a bound is broken.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { encodeDigest, MIB } from "@holdfast/protocol";
import { type ServerProcess, stopServer } from "@holdfast/testkit/process";
import { askJson } from "./ask.ts";
import type { PlannedRequest } from "./load.ts";
import { figureOf, memoryOf } from "./measure.ts";
import { createUpload } from "./plans.ts";
import { beginSlowUploads } from "./slow-uploads.ts";
import { type Stage, serveHoldfast, withStage } from "./stage.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "180" },
    uploads: { type: "string", default: "1000" },
    slow: { type: "string", default: "200" },
  },
});
const SECONDS = Number(values.seconds);
const SLOW = Number(values.slow);
const HEALTHY = Number(values.uploads) - SLOW;
/** Passes of the healthy ones without the slow ones, to compare with. */
const ALONE = 8;
const UPLOAD_SIZE: number = MIB;
const PAUSE_MS = 3_000;
const BOUNDS = { memoryMiB: 512, slowdown: 2 };

interface Pass {
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
}

await withStage({ warmUp: 0, measured: 1 }, async (stage) => {
  const server = await serveHoldfast(stage, "crowd");
  try {
    const report = await measure(stage, server);
    console.log(JSON.stringify(report, null, 2));
    const { memoryMiB, slowdown, failures } = report;
    const isMet = memoryMiB <= BOUNDS.memoryMiB && slowdown <= BOUNDS.slowdown && failures === 0;
    if (!isMet) process.exitCode = 1;
  } finally {
    await stopServer(server);
    await rm(join(stage.directory, "crowd"), { recursive: true });
  }
});

async function measure(stage: Stage, server: ServerProcess) {
  await askJson(server.url, "GET", "/livez");
  const idle = await memoryOf(server.serverPid, "VmRSS");
  const alone: Pass[] = [];
  for (let pass = 0; pass < ALONE; pass++) alone.push(await sendHealthy(stage, server));
  const slow = await beginSlowUploads(server.url, SLOW, stage.source);
  const until = performance.now() + SECONDS * 1000;
  const crowded: Pass[] = [];
  while (performance.now() < until) crowded.push(await sendHealthy(stage, server));
  const slowly = await slow.end();
  const highest = await memoryOf(server.serverPid, "VmHWM");
  const medianOf = (passes: readonly Pass[]) => figureOf(passes.map(({ seconds }) => seconds));
  return {
    uploads: { healthy: HEALTHY, slow: SLOW, seconds: SECONDS },
    memoryMiB: Math.round((highest - idle) / MIB),
    /** Median time of a pass with the slow ones over that without. */
    slowdown: medianOf(crowded).median / medianOf(alone).median,
    secondsOfAPass: { alone: medianOf(alone), crowded: medianOf(crowded) },
    p99OfARequest: {
      alone: figureOf(alone.map(({ p99 }) => p99)).median,
      crowded: figureOf(crowded.map(({ p99 }) => p99)).median,
    },
    healthyUploads: (alone.length + crowded.length) * HEALTHY,
    /** A pass with a request that failed throws: there are none here. */
    failures: slowly.failures,
    slowUploads: slowly,
    bounds: BOUNDS,
  };
}

/** All healthy ones at once, one part each, on a connection each; then they are aborted, so that the disk does not fill. */
async function sendHealthy(stage: Stage, server: ServerProcess): Promise<Pass> {
  const ids: string[] = [];
  for (let at = 0; at < HEALTHY; at += 50) {
    const some = Array.from({ length: Math.min(50, HEALTHY - at) }, () =>
      createUpload(server.url, UPLOAD_SIZE),
    );
    ids.push(...(await Promise.all(some)));
  }
  const plan = ids.map((id, group) => onePart(id, group, stage.digests));
  const pass = await stage.load.send(server.port, HEALTHY, plan);
  for (let at = 0; at < HEALTHY; at += 50) {
    const some = ids.slice(at, at + 50);
    await Promise.all(some.map((id) => askJson(server.url, "DELETE", `/v1/uploads/${id}`)));
  }
  await sleep(PAUSE_MS);
  return pass;
}

function onePart(id: string, group: number, digests: readonly Uint8Array[]): PlannedRequest {
  const part = group % digests.length;
  const digest = encodeDigest("sha-256", digests[part] ?? new Uint8Array());
  return {
    ...{ group, method: "PUT", path: `/v1/uploads/${id}/parts/0` },
    headers: { "content-digest": digest },
    ...{ bodyOffset: part * UPLOAD_SIZE, bodySize: UPLOAD_SIZE },
  };
}
