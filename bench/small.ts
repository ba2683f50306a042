// Rows: small uploads, one request each. Holdfast verifies, flushes and publishes before the 201; the others do none of it.
import { hash } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { encodeDigest, KIB } from "@holdfast/protocol";
import { type ServerProcess, stopServer } from "@holdfast/testkit/process";
import { buildSlowFlush } from "@holdfast/testkit/shim/slow-flush";
import type { PlannedRequest } from "./load.ts";
import { type Contender, cpuOfTree, figureOf, interleave } from "./measure.ts";
import { serveNginx } from "./peers.ts";
import { putFiles } from "./plans.ts";
import { type Row, ratioRow, showFigure } from "./row.ts";
import { type Stage, serveHoldfast, serveTus, settle } from "./stage.ts";

const SIZE: number = 64 * KIB;
const COUNT = 2000;
const CONNECTIONS = 8;
const TUS = "@tus/server";
const NGINX = "nginx PUT";

interface Sample {
  readonly perSecond: number;
  /** Milliseconds of server CPU for each upload. */
  readonly cpuMs: number;
}

export async function smallRows(stage: Stage): Promise<readonly Row[]> {
  const counted = await buildSlowFlush(stage.directory, 0);
  const holdfast = await serveHoldfast(stage, "small", {
    env: { ...counted.env, HOLDFAST_SERVE_LOG_LEVEL: "warn" },
  });
  const tus = await serveTus(stage);
  const nginx = await serveNginx(stage, "1m");
  const ours = await filesOf(stage);
  const flushesBefore = await counted.flushes();
  const contenders: readonly Contender<Sample>[] = [
    { name: "Holdfast", run: () => send(stage, { ...ownOf(holdfast), plan: ours }) },
    { name: TUS, run: () => send(stage, { ...tus, plan: tusFiles() }) },
    { name: NGINX, run: () => send(stage, { ...nginx, plan: putFiles(COUNT, SIZE) }) },
  ];
  const samples = await interleave(contenders, stage.rounds, () => settle(stage));
  const rounds = stage.rounds.warmUp + stage.rounds.measured;
  const flushes = ((await counted.flushes()) - flushesBefore) / (rounds * COUNT);
  await tus.stop();
  await nginx.stop();
  await stopServer(holdfast);
  await rm(join(stage.directory, "small"), { recursive: true });
  return rowsOf(samples, flushes);
}

function rowsOf(samples: ReadonlyMap<string, readonly Sample[]>, flushes: number): Row[] {
  const of = (name: string, read: (sample: Sample) => number) =>
    figureOf((samples.get(name) ?? []).map(read));
  const rate = (name: string) => of(name, (sample) => sample.perSecond);
  const name = `${COUNT} x 64 KiB: uploads/s`;
  const bars = [...samples.keys()].map((who) => ({ name: who, figure: rate(who) }));
  const ours = rate("Holdfast");
  const cpu = of("Holdfast", (sample) => sample.cpuMs);
  const tusCpu = of(TUS, (sample) => sample.cpuMs);
  return [
    {
      ...ratioRow({
        ...{ name, ours, peer: TUS, theirs: rate(TUS), digits: 0 },
        target: { atLeast: 3 },
      }),
      chart: { unit: "uploads/s", isLessBetter: false, bars },
    },
    ratioRow({
      ...{ name, ours, peer: NGINX, theirs: rate(NGINX), digits: 0 },
      target: { atLeast: 0.9 },
    }),
    ratioRow({
      ...{ name: `${COUNT} x 64 KiB: server CPU ms each`, ours: cpu, peer: TUS, theirs: tusCpu },
    }),
    {
      name: `${COUNT} x 64 KiB: flushes an upload`,
      ours: showFigure(figureOf([flushes])),
      ...{ theirs: "", value: flushes, target: "", data: { flushes } },
    },
  ];
}

interface Target {
  readonly port: number;
  readonly pid: number;
  readonly plan: readonly PlannedRequest[];
  clear(): Promise<void>;
}

/** Files stay: there is no directory to empty, and each has a name of its own. */
function ownOf({ port, serverPid }: ServerProcess): Omit<Target, "plan"> {
  return { port, pid: serverPid, clear: () => Promise.resolve() };
}

async function send({ load }: Stage, target: Target): Promise<Sample> {
  const before = await cpuOfTree(target.pid);
  const { seconds } = await load.send(target.port, CONNECTIONS, target.plan);
  const cpu = (await cpuOfTree(target.pid)) - before;
  await target.clear();
  return { perSecond: COUNT / seconds, cpuMs: (cpu * 1000) / COUNT };
}

/** Each body with the digest that it must have. */
async function filesOf(stage: Stage): Promise<readonly PlannedRequest[]> {
  const file = await open(stage.source, "r");
  const body = Buffer.alloc(SIZE);
  const plan: PlannedRequest[] = [];
  for (let group = 0; group < COUNT; group++) {
    const bodyOffset = group * SIZE;
    await file.read(body, 0, SIZE, bodyOffset);
    const digest = encodeDigest("sha-256", hash("sha256", body, "buffer"));
    plan.push({
      ...{ group, method: "POST", path: "/v1/files", bodyOffset, bodySize: SIZE },
      headers: {
        "content-digest": digest,
        "content-disposition": `attachment; filename="file-${group}"`,
      },
    });
  }
  await file.close();
  return plan;
}

/** Creation with upload: one request, as ours. */
function tusFiles(): PlannedRequest[] {
  return Array.from({ length: COUNT }, (_, group) => ({
    group,
    method: "POST",
    path: "/files",
    headers: {
      "tus-resumable": "1.0.0",
      "upload-length": `${SIZE}`,
      "content-type": "application/offset+octet-stream",
    },
    bodyOffset: group * SIZE,
    bodySize: SIZE,
  }));
}
