// Rows: server CPU for a GiB of downloads from the page cache, whole and in ranges of 8 MiB, beside nginx with sendfile and beside `send`.
import { copyFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { numberOf, type ServerProcess, startProgram, stopServer } from "@holdfast/testkit/process";
import { askJson } from "./ask.ts";
import type { PlannedRequest } from "./load.ts";
import { type Contender, cpuOfTree, figureOf, interleave } from "./measure.ts";
import { serveNginx } from "./peers.ts";
import { BODY, completeUpload, createUpload, GIB, runsOf, SOURCE_SIZE } from "./plans.ts";
import { type Row, ratioRow } from "./row.ts";
import { type Stage, serveHoldfast, settle } from "./stage.ts";

const NGINX = "nginx sendfile";
const SEND = "send";
const SEND_SERVER = fileURLToPath(new URL("send-server.ts", import.meta.url));
/** Of the processor time that `send` takes. */
const OF_SEND = 0.5;
/** The kernel counts processor time in hundredths of a second: of a single GiB that would be too coarse. */
const GIBS = 4;
const REPEATS: number = (GIBS * GIB) / SOURCE_SIZE;

interface Served {
  readonly pid: number;
  readonly port: number;
  readonly path: string;
}

interface Sample {
  readonly cpu: number;
  readonly rate: number;
}

export async function downloadRows(stage: Stage): Promise<readonly Row[]> {
  const holdfast = await serveHoldfast(stage, "downloads");
  const nginx = await serveNginx(stage, "1m");
  await copyFile(stage.source, join(nginx.place, "file"));
  const send = startProgram([process.execPath, SEND_SERVER, nginx.place]);
  const sendPort = numberOf(await send.event("listening"), "port");
  const servers: readonly (readonly [string, Served])[] = [
    ["Holdfast", await publish(stage, holdfast)],
    [NGINX, { pid: nginx.pid, port: nginx.port, path: "/file" }],
    [SEND, { pid: send.pid, port: sendPort, path: "/file" }],
  ];
  const rows: Row[] = [];
  for (const shape of [WHOLE, RANGES]) {
    const contenders = servers.map(
      ([name, served]): Contender<Sample> => ({ name, run: () => fetchAll(stage, served, shape) }),
    );
    rows.push(...rowsOf(shape, await interleave(contenders, stage.rounds, () => settle(stage))));
  }
  send.kill("SIGKILL");
  await send.exit;
  await nginx.stop();
  await stopServer(holdfast);
  await rm(join(stage.directory, "downloads"), { recursive: true });
  return rows;
}

interface Shape {
  readonly name: string;
  readonly connections: number;
  readonly atMost: number;
  plan(path: string): PlannedRequest[];
}

const WHOLE: Shape = {
  name: "download, whole on one connection",
  connections: 1,
  atMost: 2.6,
  plan: (path) => Array.from({ length: REPEATS }, () => get(0, path, {})),
};

const RANGES: Shape = {
  name: "download, ranges of 8 MiB on 8 connections",
  connections: 8,
  atMost: 2.2,
  plan: (path) =>
    Array.from({ length: (GIBS * GIB) / BODY }, (_, group) => {
      const start = (group * BODY) % SOURCE_SIZE;
      return get(group, path, { range: `bytes=${start}-${start + BODY - 1}` });
    }),
};

function get(group: number, path: string, headers: PlannedRequest["headers"]): PlannedRequest {
  return { group, method: "GET", path, headers, bodyOffset: 0, bodySize: 0 };
}

async function publish(stage: Stage, server: ServerProcess): Promise<Served> {
  const id = await createUpload(server.url, SOURCE_SIZE);
  await stage.load.send(server.port, 8, runsOf(id, SOURCE_SIZE, stage.digests));
  await completeUpload(server.url, id);
  const { body } = await askJson(server.url, "GET", `/v1/uploads/${id}`);
  const file = body.get("file");
  if (typeof file !== "object" || !file || !("url" in file)) throw new Error("no file was told");
  return { pid: server.serverPid, port: server.port, path: String(file.url) };
}

async function fetchAll({ load }: Stage, served: Served, shape: Shape): Promise<Sample> {
  const before = await cpuOfTree(served.pid);
  const { seconds } = await load.send(served.port, shape.connections, shape.plan(served.path));
  return { cpu: ((await cpuOfTree(served.pid)) - before) / GIBS, rate: GIBS / seconds };
}

function rowsOf(
  { name, atMost }: Shape,
  samples: ReadonlyMap<string, readonly Sample[]>,
): readonly Row[] {
  const of = (who: string, read: (sample: Sample) => number) =>
    figureOf((samples.get(who) ?? []).map(read));
  const compare = (peer: string, read: (sample: Sample) => number) => ({
    ...{ ours: of("Holdfast", read), peer, theirs: of(peer, read) },
  });
  const cpu = (peer: string) => compare(peer, (sample) => sample.cpu);
  const bars = [...samples.keys()].map((who) => ({ name: who, figure: of(who, (one) => one.cpu) }));
  return [
    {
      ...ratioRow({ name: `${name}: server CPU-s/GiB`, ...cpu(NGINX), target: { atMost } }),
      chart: { unit: "CPU-s/GiB", isLessBetter: true, bars },
    },
    ratioRow({
      ...{ name: `${name}: server CPU-s/GiB`, ...cpu(SEND), target: { atMost: OF_SEND } },
    }),
    ratioRow({ name: `${name}: GiB/s`, ...compare(NGINX, (sample) => sample.rate) }),
  ];
}
