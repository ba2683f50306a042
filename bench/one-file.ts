// Rows: server CPU for one file of 1 GiB that our own command line sends, beside @tus/server.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type ServerProcess, startCli, stopServer } from "@holdfast/testkit/process";
import { writeContent } from "../e2e/kit/source.ts";
import type { PlannedRequest } from "./load.ts";
import { type Contender, cpuSeconds, figureOf, interleave } from "./measure.ts";
import { GIB, resumableUpload, TUS_PATHS, tusUploads } from "./plans.ts";
import { type Row, ratioRow, showFigure } from "./row.ts";
import { type Stage, serveHoldfast, serveTus, settle, type TusServer } from "./stage.ts";

interface Sample {
  /** CPU seconds of the server for the GiB, with creation and completion. */
  readonly cpu: number;
  /** GiB a second of the bodies. */
  readonly rate: number;
  /** CPU seconds of the client, where it is one of ours. */
  readonly clientCpu?: number;
}

/** One file of 1 GiB by our command line: beside tus-js-client, and beside one PATCH from a generator that costs next to nothing. */
export async function oneFileRows(stage: Stage): Promise<readonly Row[]> {
  const path = join(stage.memory, "one-file");
  await writeContent(path, { seed: 2, size: GIB });
  const ours = (server: ServerProcess): Contender<Sample> => ({
    name: "ours",
    run: () => sendByCli(stage, server, path),
  });
  try {
    const clients = await compareServers(stage, {
      name: "one 1 GiB file, each by its own client",
      ours,
      theirs: (server) => ({ name: "theirs", run: () => sendByTusClient(server, path) }),
    });
    const idle = await compareServers(stage, {
      name: "one 1 GiB file, theirs from an idle generator",
      ours,
      theirs: (server) => ({ name: "theirs", run: () => sendTus(stage, server, GIB, 1) }),
    });
    const both = await compareServers(stage, {
      name: "1 GiB by tus in one PATCH, both from an idle generator",
      ours: (server) => ({ name: "ours", run: () => sendHere(stage, server, TUS_HERE) }),
      theirs: (server) => ({ name: "theirs", run: () => sendTus(stage, server, GIB, 1) }),
    });
    // Theirs speaks tus only: the same bytes, in one PATCH as well.
    const ietf = await compareServers(stage, {
      name: "1 GiB in one PATCH of Resumable Uploads for HTTP, theirs by tus",
      ours: (server) => ({
        name: "ours",
        run: () => sendHere(stage, server, resumableUpload(GIB)),
      }),
      theirs: (server) => ({ name: "theirs", run: () => sendTus(stage, server, GIB, 1) }),
    });
    return [...clients, ...idle, ...both, ...ietf];
  } finally {
    await rm(path);
  }
}

interface Comparison {
  readonly name: string;
  readonly ours: (server: ServerProcess) => Contender<Sample>;
  readonly theirs: (server: TusServer) => Contender<Sample>;
}

async function compareServers(stage: Stage, what: Comparison): Promise<readonly Row[]> {
  const holdfast = await serveHoldfast(stage, "ingest");
  const tus = await serveTus(stage);
  const contenders = [what.ours(holdfast), what.theirs(tus)];
  const samples = await interleave(contenders, stage.rounds, () => settle(stage));
  await tus.stop();
  await stopServer(holdfast);
  await rm(join(stage.directory, "ingest"), { recursive: true });
  return rowsOf(what.name, samples.get("ours") ?? [], samples.get("theirs") ?? []);
}

function rowsOf(name: string, ours: readonly Sample[], theirs: readonly Sample[]): Row[] {
  const of = (samples: readonly Sample[], read: (sample: Sample) => number) =>
    figureOf(samples.map(read));
  const peer = "@tus/server";
  const [cpu, tusCpu] = [of(ours, ({ cpu }) => cpu), of(theirs, ({ cpu }) => cpu)];
  const [rate, tusRate] = [of(ours, ({ rate }) => rate), of(theirs, ({ rate }) => rate)];
  const client = of(ours, ({ clientCpu }) => clientCpu ?? Number.NaN);
  const hasClient = ours.some(({ clientCpu }) => clientCpu !== undefined);
  return [
    ratioRow({
      ...{ name: `${name}: server CPU-s/GiB`, peer, ours: cpu, theirs: tusCpu },
      target: { atMost: 1 },
    }),
    ratioRow({ name: `${name}: GiB/s`, peer, ours: rate, theirs: tusRate }),
    ...(hasClient
      ? [
          {
            name: `${name}: client CPU-s/GiB with start-up`,
            ...{ ours: showFigure(client), theirs: "", target: "", data: { client } },
          },
        ]
      : []),
  ];
}

async function sendTus(
  { load }: Stage,
  server: TusServer,
  bodySize: number,
  connections: number,
): Promise<Sample> {
  const before = await cpuSeconds(server.pid);
  const { seconds } = await load.send(server.port, connections, tusUploads(GIB, bodySize));
  const cpu = (await cpuSeconds(server.pid)) - before;
  await server.clear();
  return { cpu, rate: 1 / seconds };
}

const TUS_HERE = tusUploads(GIB, GIB, TUS_PATHS.holdfast);

/** Digested, flushed and published, unlike theirs. */
async function sendHere(
  { load }: Stage,
  { port, serverPid }: ServerProcess,
  plan: readonly PlannedRequest[],
): Promise<Sample> {
  const before = await cpuSeconds(serverPid);
  const { seconds } = await load.send(port, 1, plan);
  return { cpu: (await cpuSeconds(serverPid)) - before, rate: 1 / seconds };
}

async function sendByCli(
  stage: Stage,
  { url, serverPid }: ServerProcess,
  path: string,
): Promise<Sample> {
  const before = await cpuSeconds(serverPid);
  // A state of its own for each round: with the last round's, the file would be complete already and nothing would be sent.
  const state = await mkdtemp(join(stage.directory, "state-"));
  const command = startCli(["upload", path, "--to", url, "--json"], {
    env: { HOLDFAST_STATE_DIR: state },
  });
  let clientCpu = 0;
  const watch = setInterval(() => {
    // It may have ended between two looks: the last one counts.
    cpuSeconds(command.pid).then(
      (cpu) => {
        clientCpu = cpu;
      },
      () => clearInterval(watch),
    );
  }, 10);
  const { code } = await command.exit;
  clearInterval(watch);
  const complete = command.events.find((event) => event.name === "complete");
  if (code !== 0 || !complete) throw new Error(`upload ended with ${code}: ${command.stderr()}`);
  if (complete.fields.get("bytesSent") !== GIB) throw new Error("the upload did not send its GiB");
  const cpu = (await cpuSeconds(serverPid)) - before;
  await rm(state, { recursive: true });
  return { cpu, clientCpu, rate: 1 / Number(complete.fields.get("seconds")) };
}

async function sendByTusClient(server: TusServer, path: string): Promise<Sample> {
  const before = await cpuSeconds(server.pid);
  const began = performance.now();
  const client = fileURLToPath(new URL("tus-client.ts", import.meta.url));
  const endpoint = `http://127.0.0.1:${server.port}/files`;
  await promisify(execFile)(process.execPath, [client, path, endpoint]);
  const cpu = (await cpuSeconds(server.pid)) - before;
  await server.clear();
  return { cpu, rate: 1000 / (performance.now() - began) };
}
