// Rows: every flush takes 10 ms more, below the server. Throughput of 8 uploads at once, and how quickly /livez answers meanwhile.
import { rm } from "node:fs/promises";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MIB } from "@holdfast/protocol";
import { type ServerProcess, stopServer } from "@holdfast/testkit/process";
import { buildSlowFlush } from "@holdfast/testkit/shim/slow-flush";
import { figureOf, interleave } from "./measure.ts";
import { createUpload, runsOf } from "./plans.ts";
import { type Row, showFigure } from "./row.ts";
import { type Stage, serveHoldfast, settle } from "./stage.ts";

const UPLOADS = 8;
/** As the command line sends by default. */
const IN_FLIGHT = 4;
const UPLOAD_SIZE = 128 * MIB;
const DELAY_MS = 10;

interface Sample {
  readonly rate: number;
  /** 99th percentile of /livez, in milliseconds. */
  readonly livez: number;
}

export async function slowFlushRows(stage: Stage): Promise<readonly Row[]> {
  const quick = await buildSlowFlush(stage.directory, 0);
  const slow = await buildSlowFlush(stage.directory, DELAY_MS);
  const servers = {
    quick: await serveHoldfast(stage, "quick-flush", { env: quick.env }),
    slow: await serveHoldfast(stage, "slow-flush", { env: slow.env }),
  };
  const samples = await interleave(
    [
      { name: "quick", run: () => sendAll(stage, servers.quick) },
      { name: "slow", run: () => sendAll(stage, servers.slow) },
    ],
    stage.rounds,
    () => settle(stage),
  );
  for (const server of [servers.quick, servers.slow]) await stopServer(server);
  for (const name of ["quick-flush", "slow-flush"]) {
    await rm(join(stage.directory, name), { recursive: true });
  }
  if ((await slow.flushes()) === 0) throw new Error("the shim saw no flush: it is not in place");
  return rowsOf(samples.get("quick") ?? [], samples.get("slow") ?? []);
}

function rowsOf(quick: readonly Sample[], slow: readonly Sample[]): Row[] {
  const rate = figureOf(slow.map((sample) => sample.rate));
  const base = figureOf(quick.map((sample) => sample.rate));
  const livez = figureOf(slow.map((sample) => sample.livez));
  const value = rate.median / base.median;
  return [
    {
      name: `flushes ${DELAY_MS} ms slower, ${UPLOADS} uploads: GiB/s with and without`,
      ours: `${showFigure(rate)} of ${showFigure(base)}`,
      theirs: "",
      value,
      target: ">= 0.60 x",
      isMet: value >= 0.6,
      data: { rate, base },
    },
    {
      name: "meanwhile /livez p99, ms",
      ours: showFigure(livez, 1),
      theirs: "",
      value: livez.max,
      target: "< 50",
      isMet: livez.max < 50,
      data: livez,
    },
  ];
}

async function sendAll(stage: Stage, server: ServerProcess): Promise<Sample> {
  const ids: string[] = [];
  for (let at = 0; at < UPLOADS; at++) ids.push(await createUpload(server.url, UPLOAD_SIZE));
  const plans = ids.map((id) => runsOf(id, UPLOAD_SIZE, stage.digests));
  // Run by run over all uploads, so that all of them are under way all the time.
  const plan = Array.from({ length: plans[0]?.length ?? 0 }, (_, run) => run)
    .flatMap((run) => plans.flatMap((requests) => requests[run] ?? []))
    .map((planned, group) => ({ ...planned, group }));
  const probe = { isOn: true };
  const probing = probeLivez(server.url, probe);
  const { seconds } = await stage.load.send(server.port, UPLOADS * IN_FLIGHT, plan);
  probe.isOn = false;
  return { rate: (UPLOADS * UPLOAD_SIZE) / 2 ** 30 / seconds, livez: await probing };
}

async function probeLivez(url: string, probe: { readonly isOn: boolean }): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const took: number[] = [];
  while (probe.isOn) {
    const begin = performance.now();
    await getLivez(url, agent);
    took.push(performance.now() - begin);
    await sleep(2);
  }
  agent.destroy();
  took.sort((a, b) => a - b);
  return took[Math.floor(took.length * 0.99)] ?? Number.NaN;
}

function getLivez(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    request(new URL("/livez", url), { agent }, (response) => {
      response.resume().on("end", resolve).on("error", reject);
    })
      .on("error", reject)
      .end();
  });
}
