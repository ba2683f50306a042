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
import type { Ground, Pair } from "./pairs.ts";
import { confirmParts, sendSigned, signParts } from "./signed.ts";
import { createDice, type Dice } from "./source.ts";
import {
  ask,
  completeJob,
  createAgent,
  createJob,
  fieldsOf,
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
  /** Files that the server lists at the end and nobody has asked for. */
  strayFiles: number;
  /** Parts that went straight to a store and were confirmed. */
  directParts: number;
  /** Kills that came while the server was still starting up. */
  killsInRecovery: number;
  readonly violations: string[];
}

/** What is sent to a server, and how long it lives. */
interface Habits {
  /** In bytes, chosen at random between the two, in steps of 256 KiB. */
  readonly partSize: readonly [number, number];
  /** In bytes. */
  readonly sizeMax: number;
  /** Parts in one request. */
  readonly runMax: number;
  /** Share of the runs that go straight to the store. */
  readonly direct: number;
  /** The longest that a server lives, in milliseconds. */
  readonly lifeMs: number;
  /** Of the storage's location. */
  readonly options: string;
}

const HABITS: Readonly<Record<Pair["storage"], Habits>> = {
  disk: {
    ...{ partSize: [256 * 1024, MIB], sizeMax: 24 * MIB, runMax: 8 },
    ...{ direct: 0, lifeMs: 600, options: "" },
  },
  // Parts as small as stores take them.
  s3: {
    ...{ partSize: [5 * MIB, 6 * MIB], sizeMax: 18 * MIB, runMax: 2 },
    ...{ direct: 0.5, lifeMs: 2_500, options: "&part-size-min=5M" },
  },
};

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

export interface ServerCrashOptions {
  readonly cycles: number;
  readonly seed: number;
  readonly ground: Ground;
}

export async function crashServer(
  directory: string,
  { cycles, seed, ground }: ServerCrashOptions,
): Promise<CrashReport> {
  const report: CrashReport = {
    seed,
    cycles: 0,
    acknowledgedParts: 0,
    acknowledgedBytes: 0,
    lostParts: 0,
    publishedFiles: 0,
    wrongFiles: 0,
    strayFiles: 0,
    directParts: 0,
    killsInRecovery: 0,
    violations: [],
  };
  const dice = createDice(seed);
  const habits = HABITS[ground.pair.storage];
  for (let done = 0; done < cycles; done += CYCLES_A_DIRECTORY) {
    const place = {
      data: join(directory, `data-${done}`),
      port: await freePort(),
      // Bucket and tables know whose they are.
      env: ground.env(`servers-${seed}-${done}`, habits.options),
    };
    const round = { place, habits, dice, report };
    await crashRound(round, Math.min(CYCLES_A_DIRECTORY, cycles - done));
  }
  return report;
}

interface Round {
  readonly place: Parameters<typeof startServer>[0];
  readonly habits: Habits;
  readonly dice: Dice;
  readonly report: CrashReport;
}

async function crashRound(round: Round, cycles: number): Promise<void> {
  const { place, dice, report } = round;
  let server = await startServer(place);
  let loads: Load[] = [];
  const published = new Set<string>();
  for (let cycle = 0; cycle < cycles; cycle++) {
    await loadUntilKilled(server, loads, round);
    if (dice.isHit(0.2)) await killWhileStarting(round);
    server = await startServer(place);
    report.cycles++;
    loads = await checkAll(server.url, loads, published, report);
  }
  for (const load of loads) await finish(server.url, load, published, report);
  await countStrays(server.url, published, report);
  const { code } = await stopServer(server);
  if (code !== 0) report.violations.push(`SIGTERM ended with ${code}`);
}

/** However often an answer was lost, an upload is one file. */
async function countStrays(
  base: string,
  published: ReadonlySet<string>,
  report: CrashReport,
): Promise<void> {
  const reply = await ask(base, { method: "GET", path: "/v1/files?limit=1000" });
  const files: unknown = fieldsOf(reply).get("files");
  if (!Array.isArray(files)) throw new Error(`files answered ${reply.status}: ${reply.text}`);
  report.strayFiles += files.length - published.size;
  if (files.length === published.size) return;
  report.violations.push(`${files.length} files where ${published.size} were asked for`);
}

async function loadUntilKilled(server: ServerProcess, loads: Load[], round: Round): Promise<void> {
  const agent = createAgent();
  const running = { isOn: true };
  const workers = Array.from({ length: WORKERS }, () =>
    keepWorking(running, () => workOnce(server.url, loads, agent, round)),
  );
  await sleep(round.dice.whole(5, round.habits.lifeMs));
  await killServer(server);
  running.isOn = false;
  await Promise.all(workers);
  agent.destroy();
}

async function keepWorking(
  running: { readonly isOn: boolean },
  work: () => Promise<void>,
): Promise<void> {
  while (running.isOn) {
    try {
      await work();
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
  { habits, dice, report }: Round,
): Promise<void> {
  const open = loads.filter((load) => load.fileUrl === undefined && !load.isCompleting);
  if (open.length < UPLOADS) {
    loads.push(await newLoad(base, habits, dice));
    return;
  }
  const load = open[dice.whole(0, open.length - 1)];
  const run = load && chooseRun(load, habits.runMax, dice);
  if (load && run && dice.isHit(habits.direct)) await sendDirect(base, load, run, report);
  else if (load && run) await sendRun(base, load, run, agent, report);
  else if (load && isWhole(load)) await complete(base, load, report);
  else await sleep(1);
}

const PART_STEP = 256 * 1024;

async function newLoad(base: string, habits: Habits, dice: Dice): Promise<Load> {
  const [least, most] = habits.partSize;
  const partSize = dice.whole(least / PART_STEP, most / PART_STEP) * PART_STEP;
  const content = { seed: dice.whole(1, 2 ** 31), size: dice.whole(1, habits.sizeMax) };
  const job = await createJob(base, content, partSize);
  const sets = { acknowledged: new Set<number>(), inFlight: new Set<number>() };
  return { ...job, ...sets, isCompleting: false, fileUrl: undefined };
}

function isWhole(load: Load): boolean {
  return load.inFlight.size === 0 && load.acknowledged.size === partCount(load.grid);
}

/** Parts that are neither acknowledged nor on their way; now and then some that are acknowledged, because repeating must be safe. */
function chooseRun(load: Load, runMax: number, dice: Dice): PartRange | undefined {
  const count = partCount(load.grid);
  const isRepeat = dice.isHit(0.05);
  const isFree = (index: number): boolean =>
    !load.inFlight.has(index) && (isRepeat || !load.acknowledged.has(index));
  const from = dice.whole(0, count - 1);
  for (let step = 0; step < count; step++) {
    const start = (from + step) % count;
    if (!isFree(start)) continue;
    let end = start + 1;
    const until = Math.min(count, start + dice.whole(1, runMax));
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

/** Straight to the store, as somebody does who then asks the server whether it is there. */
async function sendDirect(
  base: string,
  load: Load,
  run: PartRange,
  report: CrashReport,
): Promise<void> {
  const indexes = Array.from({ length: run[1] - run[0] }, (_, at) => run[0] + at);
  for (const index of indexes) load.inFlight.add(index);
  try {
    const signed = await signParts(base, load, indexes);
    const statuses = await Promise.all(signed.map((part) => sendSigned(part)));
    if (statuses.some((status) => status !== 200)) {
      report.violations.push(`${load.id} ${run}: the store answered ${statuses}`);
      return;
    }
    const reply = await confirmParts(base, load, indexes);
    if (reply.status === 200) {
      for (const index of indexes) {
        if (!load.acknowledged.has(index)) report.directParts++;
        acknowledge(load, index, report);
      }
    } else if (reply.status !== 503) {
      report.violations.push(`${load.id} ${run}: confirming got ${reply.status} ${reply.text}`);
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
async function killWhileStarting({ place, dice, report }: Round): Promise<void> {
  const { data, port, env = {} } = place;
  const starting = startCli(["serve", "--json", "--port", `${port}`, "--data", data], { env });
  await sleep(dice.whole(50, 600));
  starting.kill("SIGKILL");
  await starting.exit;
  report.killsInRecovery++;
}

/** Looks at every upload after a restart; the ones that are finished are compared and leave the load. */
async function checkAll(
  base: string,
  loads: Load[],
  published: Set<string>,
  report: CrashReport,
): Promise<Load[]> {
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
    if (view.state === "complete") await compare(base, view.file?.url, load, published, report);
    else if (view.state === "open") open.push(load);
    else report.violations.push(`${load.id}: state ${view.state} after a restart`);
  }
  return open;
}

/** Where several servers share the records, what one has begun is another's only once its claim has ended: 15 s, and as long again until somebody looks. */
const SETTLED_WITHIN_MS = 90_000;

async function settledStatus(base: string, id: string): ReturnType<typeof statusOf> {
  for (const until = performance.now() + SETTLED_WITHIN_MS; performance.now() < until; ) {
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
  published: Set<string>,
  report: CrashReport,
): Promise<void> {
  report.publishedFiles++;
  if (url !== undefined) published.add(url);
  const at = url === undefined ? 0 : await servedDifference(base, url, load.content);
  if (at === undefined) return;
  report.wrongFiles++;
  report.violations.push(`${load.id}: published with a wrong byte at ${at} (${url})`);
}

async function finish(
  base: string,
  load: Load,
  published: Set<string>,
  report: CrashReport,
): Promise<void> {
  const agent = createAgent();
  const { committed } = await statusOf(base, load.id);
  for (const [start, end] of missingRanges(committed)) {
    for (let at = start; at < end; at += 8) {
      await sendRun(base, load, [at, Math.min(end, at + 8)], agent, report);
    }
  }
  await complete(base, load, report);
  await compare(base, load.fileUrl, load, published, report);
  agent.destroy();
}
