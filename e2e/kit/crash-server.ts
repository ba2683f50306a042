// kill -9 on the server at random moments while uploads run: what was acknowledged must be there, what is published must be right.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hasPart, missingRanges } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import {
  killServer,
  type ServerProcess,
  startCli,
  startServer,
  stopServer,
} from "@holdfast/testkit/process";
import {
  complete,
  HABITS,
  type Habits,
  type Load,
  type SentReport,
  sendRun,
  sendSomething,
} from "./crash-load.ts";
import type { Ground } from "./pairs.ts";
import { createDice, type Dice } from "./source.ts";
import { ask, createAgent, fieldsOf, servedDifference, statusOf } from "./wire.ts";

export interface CrashReport extends SentReport {
  readonly seed: number;
  cycles: number;
  /** Parts that were acknowledged and are not committed any more. */
  lostParts: number;
  publishedFiles: number;
  wrongFiles: number;
  /** Files that the server lists at the end and nobody has asked for. */
  strayFiles: number;
  /** Kills that came while the server was still starting up. */
  killsInRecovery: number;
}

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
    await loadUntilKilled(server, loads, round, AWAITED[cycle % AWAITED.length]);
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

type Acknowledged = "acknowledgedParts" | "directParts";

/** What the lives of a server last at least until, in turn: on a slow machine kills by the clock alone would hit nobody who has been told anything. */
const AWAITED: readonly (Acknowledged | undefined)[] = [
  "acknowledgedParts",
  "directParts",
  undefined,
];
const ACKNOWLEDGED_WITHIN_MS = 60_000;

async function loadUntilKilled(
  server: ServerProcess,
  loads: Load[],
  round: Round,
  awaited: Acknowledged | undefined,
): Promise<void> {
  const agent = createAgent();
  const running = { isOn: true };
  const workers = Array.from({ length: WORKERS }, () =>
    keepWorking(running, () => sendSomething(server.url, loads, agent, round)),
  );
  if (awaited) await nextAcknowledged(round, awaited);
  await sleep(round.dice.whole(5, round.habits.lifeMs));
  await killServer(server);
  running.isOn = false;
  await Promise.all(workers);
  agent.destroy();
}

/** Until one more has been acknowledged; where nothing goes straight to a store, one by the server. */
async function nextAcknowledged({ habits, report }: Round, awaited: Acknowledged): Promise<void> {
  const counted = habits.direct > 0 ? awaited : "acknowledgedParts";
  const before = report[counted];
  const until = performance.now() + ACKNOWLEDGED_WITHIN_MS;
  while (report[counted] === before && performance.now() < until) await sleep(5);
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
