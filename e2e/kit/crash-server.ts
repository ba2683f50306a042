// kill -9 on the server at random moments while uploads run: what was acknowledged must be there, what is published must be right.
import type { Agent } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hasPart, MIB, missingRanges, type PartRange, partCount } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import {
  killServer,
  type ServerProcess,
  startCli,
  startServer,
  stopServer,
} from "@holdfast/testkit/process";
import { createDice, type Dice } from "./source.ts";
import {
  completeJob,
  createAgent,
  createJob,
  type Job,
  putRun,
  servedDifference,
  statusOf,
  viewOf,
} from "./wire.ts";

export interface CrashReport {
  readonly seed: number;
  cycles: number;
  acknowledgedParts: number;
  acknowledgedBytes: number;
  /** Parts that were acknowledged and are not committed any more. */
  lostParts: number;
  publishedFiles: number;
  wrongFiles: number;
  /** Kills that came while the server was still starting up. */
  killsInRecovery: number;
  readonly violations: string[];
}

interface Load extends Job {
  readonly acknowledged: Set<number>;
  readonly inFlight: Set<number>;
  isCompleting: boolean;
  /** Where the file is, once complete was answered. */
  fileUrl: string | undefined;
}

const UPLOADS = 3;
const WORKERS = 6;
/** One data directory serves this many cycles; then everything in it is finished, compared and thrown away. */
const CYCLES_A_DIRECTORY = 10;

export async function crashServer(
  directory: string,
  cycles: number,
  seed: number,
): Promise<CrashReport> {
  const report: CrashReport = {
    seed,
    cycles: 0,
    acknowledgedParts: 0,
    acknowledgedBytes: 0,
    lostParts: 0,
    publishedFiles: 0,
    wrongFiles: 0,
    killsInRecovery: 0,
    violations: [],
  };
  const dice = createDice(seed);
  for (let done = 0; done < cycles; done += CYCLES_A_DIRECTORY) {
    const data = join(directory, `data-${done}`);
    await crashRound(data, Math.min(CYCLES_A_DIRECTORY, cycles - done), dice, report);
  }
  return report;
}

async function crashRound(
  data: string,
  cycles: number,
  dice: Dice,
  report: CrashReport,
): Promise<void> {
  const port = await freePort();
  let server = await startServer({ data, port });
  let loads: Load[] = [];
  for (let cycle = 0; cycle < cycles; cycle++) {
    await loadUntilKilled(server, loads, dice, report);
    if (dice.isHit(0.2)) await killWhileStarting(data, port, dice, report);
    server = await startServer({ data, port });
    report.cycles++;
    loads = await checkAll(server.url, loads, report);
  }
  for (const load of loads) await finish(server.url, load, report);
  const { code } = await stopServer(server);
  if (code !== 0) report.violations.push(`SIGTERM ended with ${code}`);
}

async function loadUntilKilled(
  server: ServerProcess,
  loads: Load[],
  dice: Dice,
  report: CrashReport,
): Promise<void> {
  const agent = createAgent();
  const running = { isOn: true };
  const workers = Array.from({ length: WORKERS }, () =>
    keepWorking(server.url, loads, agent, running, dice, report),
  );
  await sleep(dice.whole(5, 600));
  await killServer(server);
  running.isOn = false;
  await Promise.all(workers);
  agent.destroy();
}

async function keepWorking(
  base: string,
  loads: Load[],
  agent: Agent,
  running: { readonly isOn: boolean },
  dice: Dice,
  report: CrashReport,
): Promise<void> {
  while (running.isOn) {
    try {
      await workOnce(base, loads, agent, dice, report);
    } catch (error) {
      // The connection broke: that is what a killed server looks like. Anything else is a fault of this program.
      if (!isNetworkError(error)) throw error;
      await sleep(1);
    }
  }
}

export function isNetworkError(error: unknown): boolean {
  return error instanceof Error && "code" in error;
}

async function workOnce(
  base: string,
  loads: Load[],
  agent: Agent,
  dice: Dice,
  report: CrashReport,
): Promise<void> {
  const open = loads.filter((load) => load.fileUrl === undefined && !load.isCompleting);
  if (open.length < UPLOADS) {
    loads.push(await newLoad(base, dice));
    return;
  }
  const load = open[dice.whole(0, open.length - 1)];
  const run = load && chooseRun(load, dice);
  if (load && run) await sendRun(base, load, run, agent, report);
  else if (load && isWhole(load)) await complete(base, load, report);
  else await sleep(1);
}

async function newLoad(base: string, dice: Dice): Promise<Load> {
  const partSize = dice.whole(1, 4) * 256 * 1024;
  const content = { seed: dice.whole(1, 2 ** 31), size: dice.whole(1, 24 * MIB) };
  const job = await createJob(base, content, partSize);
  const sets = { acknowledged: new Set<number>(), inFlight: new Set<number>() };
  return { ...job, ...sets, isCompleting: false, fileUrl: undefined };
}

function isWhole(load: Load): boolean {
  return load.inFlight.size === 0 && load.acknowledged.size === partCount(load.grid);
}

/** Parts that are neither acknowledged nor on their way; now and then some that are acknowledged, because repeating must be safe. */
function chooseRun(load: Load, dice: Dice): PartRange | undefined {
  const count = partCount(load.grid);
  const isRepeat = dice.isHit(0.05);
  const isFree = (index: number): boolean =>
    !load.inFlight.has(index) && (isRepeat || !load.acknowledged.has(index));
  const from = dice.whole(0, count - 1);
  for (let step = 0; step < count; step++) {
    const start = (from + step) % count;
    if (!isFree(start)) continue;
    let end = start + 1;
    const until = Math.min(count, start + dice.whole(1, 8));
    while (end < until && isFree(end)) end++;
    return [start, end];
  }
  return undefined;
}

async function sendRun(
  base: string,
  load: Load,
  run: PartRange,
  agent: Agent,
  report: CrashReport,
): Promise<void> {
  const indexes = Array.from({ length: run[1] - run[0] }, (_, at) => run[0] + at);
  for (const index of indexes) load.inFlight.add(index);
  try {
    const reply = await putRun(base, load, run, agent);
    if (reply.status >= 200 && reply.status < 300) {
      for (const index of indexes) acknowledge(load, index, report);
    } else if (reply.status !== 503) {
      report.violations.push(`${load.id} ${run}: a good run got ${reply.status} ${reply.text}`);
    }
  } finally {
    for (const index of indexes) load.inFlight.delete(index);
  }
}

function acknowledge(load: Load, index: number, report: CrashReport): void {
  if (load.acknowledged.has(index)) return;
  load.acknowledged.add(index);
  report.acknowledgedParts++;
  report.acknowledgedBytes += Math.min(
    load.grid.partSize,
    load.grid.size - index * load.grid.partSize,
  );
}

async function complete(base: string, load: Load, report: CrashReport): Promise<void> {
  load.isCompleting = true;
  const reply = await completeJob(base, load.id);
  if (reply.status === 200) load.fileUrl = viewOf(reply).file?.url;
  else report.violations.push(`${load.id}: complete got ${reply.status} ${reply.text}`);
}

/** A crash while a crash is being mended. */
async function killWhileStarting(
  data: string,
  port: number,
  dice: Dice,
  report: CrashReport,
): Promise<void> {
  const starting = startCli(["serve", "--json", "--port", `${port}`, "--data", data]);
  await sleep(dice.whole(50, 600));
  starting.kill("SIGKILL");
  await starting.exit;
  report.killsInRecovery++;
}

/** Looks at every upload after a restart; the ones that are finished are compared and leave the load. */
async function checkAll(base: string, loads: Load[], report: CrashReport): Promise<Load[]> {
  const open: Load[] = [];
  for (const load of loads) {
    const view = await settledStatus(base, load.id);
    const lost = [...load.acknowledged].filter((index) => !hasPart(view.committed, index));
    report.lostParts += lost.length;
    if (lost.length > 0) report.violations.push(`${load.id}: acknowledged parts lost: ${lost}`);
    if (load.fileUrl !== undefined && load.fileUrl !== view.file?.url) {
      report.violations.push(`${load.id}: its file ${load.fileUrl} became ${view.file?.url}`);
    }
    load.isCompleting = false;
    if (view.state === "complete") await compare(base, view.file?.url, load, report);
    else if (view.state === "open") open.push(load);
    else report.violations.push(`${load.id}: state ${view.state} after a restart`);
  }
  return open;
}

async function settledStatus(base: string, id: string): ReturnType<typeof statusOf> {
  for (let tries = 0; tries < 500; tries++) {
    const view = await statusOf(base, id);
    if (view.state !== "completing") return view;
    await sleep(20);
  }
  return statusOf(base, id);
}

async function compare(
  base: string,
  url: string | undefined,
  load: Load,
  report: CrashReport,
): Promise<void> {
  report.publishedFiles++;
  const at = url === undefined ? 0 : await servedDifference(base, url, load.content);
  if (at === undefined) return;
  report.wrongFiles++;
  report.violations.push(`${load.id}: published with a wrong byte at ${at} (${url})`);
}

async function finish(base: string, load: Load, report: CrashReport): Promise<void> {
  const agent = createAgent();
  const { committed } = await statusOf(base, load.id);
  for (const [start, end] of missingRanges(committed)) {
    for (let at = start; at < end; at += 8) {
      await sendRun(base, load, [at, Math.min(end, at + 8)], agent, report);
    }
  }
  await complete(base, load, report);
  await compare(base, load.fileUrl, load, report);
  agent.destroy();
}
