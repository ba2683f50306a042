// kill -9 on the command line at random moments, whichever way its parts go: the same command again goes on with the same upload, and the bytes are the same.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import {
  type Command,
  numberOf,
  showEvent,
  startServer,
  stopServer,
  textOf,
} from "@holdfast/testkit/process";
import { startProxy } from "@holdfast/testkit/proxy";
import type { Ground } from "./pairs.ts";
import { createDice, type Dice, writeContent } from "./source.ts";
import { startUpload } from "./upload.ts";
import { servedDifference } from "./wire.ts";

export interface ClientCrashReport {
  readonly seed: number;
  /** Kills; several may hit one file. */
  kills: number;
  files: number;
  /** Files of which parts went straight to the store. */
  directFiles: number;
  /** Kills after the upload was created, so that there was something to resume. */
  killsMidTransfer: number;
  wrongFiles: number;
  sizeOfAll: number;
  /** Bytes that crossed the wire beyond the files' own, over all runs, counted at proxies. */
  sentTwice: number;
  sentTwiceMax: number;
  readonly violations: string[];
}

export interface ClientCrashOptions {
  readonly kills: number;
  readonly seed: number;
  readonly ground: Ground;
}

/** Slow enough that kills land in the middle: a second. */
const RATE = "96M";
/** Share of the files that go straight to a store, where there is one. */
const DIRECT = 0.6;
/** What one killed run may cost on the wire: four parts of 8 MiB, and what is said beside them. */
const TWICE_MAX = 33 * MIB;

export async function crashClient(
  directory: string,
  { kills, seed, ground }: ClientCrashOptions,
): Promise<ClientCrashReport> {
  const report: ClientCrashReport = {
    ...{ seed, kills: 0, files: 0, directFiles: 0, killsMidTransfer: 0, wrongFiles: 0 },
    ...{ sizeOfAll: 0, sentTwice: 0, sentTwiceMax: 0, violations: [] },
  };
  const dice = createDice(seed);
  const env = ground.env(`clients-${seed}`);
  const server = await startServer({
    data: join(directory, "data"),
    port: await freePort(),
    env,
  });
  const round = { directory, port: server.port, ground, dice, report };
  while (report.kills < kills) {
    await crashOneFile(round, Math.min(dice.whole(1, 3), kills - report.kills));
  }
  await stopServer(server);
  return report;
}

interface Round {
  readonly directory: string;
  readonly port: number;
  readonly ground: Ground;
  readonly dice: Dice;
  readonly report: ClientCrashReport;
}

async function crashOneFile(round: Round, kills: number): Promise<void> {
  const { directory, port, ground, dice, report } = round;
  const isDirect = ground.store !== undefined && dice.isHit(DIRECT);
  const content = { seed: dice.whole(1, 2 ** 31), size: dice.whole(50 * MIB, 110 * MIB) };
  const path = join(directory, `source-${report.files}`);
  await writeContent(path, content);
  const proxy = await startProxy({ targetPort: port });
  const storedBefore = ground.bytesUp();
  const way = ["--transfer", isDirect ? "direct" : "server", "--limit-rate", RATE];
  const upload = () => startUpload(path, proxy.url, join(directory, "state"), way);
  const runs = [upload()];
  const latest = (): Command => runs.at(-1) ?? upload();
  let killed = 0;
  while (killed < kills && (await killSomewhere(latest(), dice))) {
    killed++;
    runs.push(upload());
  }
  await latest().exit;
  await checkOutcome(round, runs, content);
  const up = proxy.totals().up + (isDirect ? ground.bytesUp() - storedBefore : 0);
  const twice = Math.max(0, up - content.size);
  await proxy.close();
  report.kills += killed;
  report.killsMidTransfer += runs.slice(0, killed).filter((run) => idsOf(run).length > 0).length;
  report.files++;
  if (isDirect) report.directFiles++;
  report.sizeOfAll += content.size;
  report.sentTwice += twice;
  report.sentTwiceMax = Math.max(report.sentTwiceMax, twice);
  if (twice > Math.max(1, killed) * TWICE_MAX) {
    report.violations.push(`${killed} kills cost ${(twice / MIB).toFixed(1)} MiB`);
  }
}

async function checkOutcome(
  { port, report }: Round,
  runs: readonly Command[],
  content: Parameters<typeof servedDifference>[2],
): Promise<void> {
  const fail = (what: string) => void report.violations.push(what);
  const ids = new Set(runs.flatMap(idsOf));
  if (ids.size > 1) fail(`not resumed: ${[...ids].join(", ")}`);
  for (const line of runs.flatMap(({ strayLines }) => strayLines)) fail(`not an event: ${line}`);
  // A way that was closed would prove nothing of it.
  const notices = runs.flatMap(({ events }) => events.filter(({ name }) => name === "notice"));
  for (const notice of notices) fail(showEvent(notice));
  const last = runs.at(-1);
  const complete = last?.events.find(({ name }) => name === "complete");
  const { code } = (await last?.exit) ?? { code: null };
  // A kill that came after it had said so changes nothing any more.
  if (!complete || (code ?? 0) !== 0) {
    return fail(`the last run ended with ${code}: ${last?.stderr()}`);
  }
  if (numberOf(complete, "size") !== content.size) fail(`another size: ${showEvent(complete)}`);
  const url = new URL(textOf(complete, "url")).pathname;
  const at = await servedDifference(`http://127.0.0.1:${port}`, url, content);
  if (at === undefined) return;
  report.wrongFiles++;
  fail(`wrong byte at ${at}: ${showEvent(complete)}`);
}

/** False where the command was quicker than the kill. */
async function killSomewhere(run: Command, dice: Dice): Promise<boolean> {
  const isMidTransfer = dice.isHit(0.7);
  // A run that ends before it says so is looked at after the last one.
  if (isMidTransfer) await Promise.race([run.event("created").catch(() => undefined), run.exit]);
  await sleep(isMidTransfer ? dice.whole(0, 700) : dice.whole(20, 700));
  run.kill("SIGKILL");
  await run.exit;
  return !run.events.some(({ name }) => name === "complete");
}

function idsOf(run: Command): string[] {
  return run.events
    .filter((event) => event.name === "created" && event.fields.has("id"))
    .map((event) => textOf(event, "id"));
}
