// Rows: server CPU and rate for a GiB in 128 bodies of 8 MiB: Holdfast with SHA-256 and flush, the others with neither.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { type ServerProcess, stopServer } from "@holdfast/testkit/process";
import { type Contender, cpuOfTree, type Figure, figureOf, interleave } from "./measure.ts";
import { type Peer, serveNginx, serveRclone } from "./peers.ts";
import {
  BODY,
  completeUpload,
  createUpload,
  type Digesting,
  digestSource,
  GIB,
  putFiles,
  runsOf,
  tusUploads,
} from "./plans.ts";
import { type Row, ratioRow } from "./row.ts";
import { type Stage, serveHoldfast, serveTus, settle } from "./stage.ts";

interface Sample {
  /** CPU seconds of the server and its children for the GiB, with creation and completion. */
  readonly cpu: number;
  /** GiB a second of the bodies. */
  readonly rate: number;
}

const CONNECTIONS = 8;
const BLAKE3 = "Holdfast, BLAKE3";
const TUS = "@tus/server";
const NGINX = "nginx PUT";
const NGINX_1M = "nginx PUT, 1 MiB buffers";
const RCLONE = "rclone serve webdav";

export async function parallelRows(stage: Stage): Promise<readonly Row[]> {
  const holdfast = await serveHoldfast(stage, "ingest");
  const tus = await serveTus(stage);
  const peers: readonly (readonly [string, Peer])[] = [
    [NGINX, await serveNginx(stage, "16k")],
    [NGINX_1M, await serveNginx(stage, "1m")],
    [RCLONE, await serveRclone(stage)],
  ];
  const blake3: Digesting = { algorithm: "blake3", partSize: MIB };
  const digests = await digestSource(stage.source, blake3);
  const tusPlan = tusUploads(GIB, BODY);
  const putPlan = putFiles(GIB / BODY, BODY);
  const contenders: readonly Contender<Sample>[] = [
    { name: "Holdfast", run: () => sendRuns(stage, holdfast) },
    { name: BLAKE3, run: () => sendRuns(stage, holdfast, { ...blake3, digests }) },
    { name: TUS, run: () => sendPlan(stage, tus, tusPlan) },
    ...peers.map(([name, peer]) => ({ name, run: () => sendPlan(stage, peer, putPlan) })),
  ];
  const samples = await interleave(contenders, stage.rounds, () => settle(stage));
  for (const server of [tus, ...peers.map(([, peer]) => peer)]) await server.stop();
  await stopServer(holdfast);
  await rm(join(stage.directory, "ingest"), { recursive: true });
  return rowsOf(samples);
}

function rowsOf(samples: ReadonlyMap<string, readonly Sample[]>): Row[] {
  const of = (name: string, read: (sample: Sample) => number): Figure =>
    figureOf((samples.get(name) ?? []).map(read));
  const bars = (read: (sample: Sample) => number) =>
    [...samples.keys()].map((name) => ({ name, figure: of(name, read) }));
  const cpu = (peer: string) => ({
    name: "8 x 8 MiB: server CPU-s/GiB",
    ...{ peer, ours: of("Holdfast", (one) => one.cpu), theirs: of(peer, (one) => one.cpu) },
  });
  const blake3 = (peer: string) => ({
    ...cpu(peer),
    name: "8 x 8 MiB, BLAKE3: server CPU-s/GiB",
    ours: of(BLAKE3, (one) => one.cpu),
  });
  const rate = (peer: string) => ({
    name: "8 x 8 MiB: GiB/s",
    ...{ peer, ours: of("Holdfast", (one) => one.rate), theirs: of(peer, (one) => one.rate) },
  });
  const cpuChart = { unit: "CPU-s/GiB", isLessBetter: true, bars: bars((one) => one.cpu) };
  const rateChart = { unit: "GiB/s", isLessBetter: false, bars: bars((one) => one.rate) };
  return [
    { ...ratioRow({ ...cpu(TUS), target: { atMost: 0.85 } }), chart: cpuChart },
    ...[NGINX, NGINX_1M, RCLONE].map((peer) => ratioRow(cpu(peer))),
    ratioRow(blake3(TUS)),
    ratioRow({ ...blake3(NGINX), target: { atMost: 1.2 } }),
    ratioRow(blake3(NGINX_1M)),
    { ...ratioRow(rate(TUS)), chart: rateChart },
    ...[NGINX, NGINX_1M, RCLONE].map((peer) => ratioRow(rate(peer))),
  ];
}

async function sendRuns(
  stage: Stage,
  server: ServerProcess,
  how?: Digesting & Pick<Stage, "digests">,
): Promise<Sample> {
  const { digests } = how ?? stage;
  const before = await cpuOfTree(server.serverPid);
  const id = await createUpload(server.url, GIB, how ? { digest: how.algorithm } : {});
  const plan = runsOf(id, GIB, digests, undefined, how);
  const { seconds } = await stage.load.send(server.port, CONNECTIONS, plan);
  await completeUpload(server.url, id);
  return { cpu: (await cpuOfTree(server.serverPid)) - before, rate: 1 / seconds };
}

async function sendPlan(
  { load }: Stage,
  server: Pick<Peer, "port" | "pid" | "clear">,
  plan: Parameters<Stage["load"]["send"]>[2],
): Promise<Sample> {
  const before = await cpuOfTree(server.pid);
  const { seconds } = await load.send(server.port, CONNECTIONS, plan);
  const cpu = (await cpuOfTree(server.pid)) - before;
  await server.clear();
  return { cpu, rate: 1 / seconds };
}
