// kill -9 on the command line at random moments: the same command again goes on with the same upload, and the bytes are the same.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import {
  type Command,
  numberOf,
  showEvent,
  startCli,
  startServer,
  stopServer,
  textOf,
} from "@holdfast/testkit/process";
import { startProxy } from "@holdfast/testkit/proxy";
import { createDice, type Dice, writeContent } from "./source.ts";
import { servedDifference } from "./wire.ts";

export interface ClientCrashReport {
  readonly seed: number;
  /** Kills; several may hit one file. */
  cycles: number;
  files: number;
  /** Kills after the upload was created, so that there was something to resume. */
  killsMidTransfer: number;
  wrongFiles: number;
  sizeOfAll: number;
  /** Bytes that crossed the wire beyond the files' own, over all runs, counted at a proxy. */
  sentTwice: number;
  sentTwiceMax: number;
  readonly violations: string[];
}

/** A line slow enough that kills land in the middle: bytes a second. */
const LINE = 96 * MIB;
/** What one killed run may cost on the wire. */
const TWICE_MAX = 32 * MIB;

export async function crashClient(
  directory: string,
  cycles: number,
  seed: number,
): Promise<ClientCrashReport> {
  const report: ClientCrashReport = {
    seed,
    cycles: 0,
    files: 0,
    killsMidTransfer: 0,
    wrongFiles: 0,
    sizeOfAll: 0,
    sentTwice: 0,
    sentTwiceMax: 0,
    violations: [],
  };
  const dice = createDice(seed);
  const server = await startServer({ data: join(directory, "data"), port: await freePort() });
  while (report.cycles < cycles) {
    const kills = Math.min(dice.whole(1, 3), cycles - report.cycles);
    await crashOneFile(directory, server.port, kills, dice, report);
  }
  await stopServer(server);
  return report;
}

async function crashOneFile(
  directory: string,
  port: number,
  kills: number,
  dice: Dice,
  report: ClientCrashReport,
): Promise<void> {
  const content = { seed: dice.whole(1, 2 ** 31), size: dice.whole(40 * MIB, 90 * MIB) };
  const path = join(directory, `source-${report.files}`);
  await writeContent(path, content);
  const proxy = await startProxy({ targetPort: port, line: { bytesPerSecond: LINE } });
  const upload = (): Command =>
    startCli(["upload", path, "--to", proxy.url, "--json"], {
      env: { HOLDFAST_STATE_DIR: join(directory, "state") },
    });
  const ids: string[] = [];
  let last = upload();
  for (let kill = 0; kill < kills; kill++) {
    if (!(await killSomewhere(last, dice, report))) break;
    ids.push(...idsOf(last));
    report.cycles++;
    last = upload();
  }
  const { code } = await last.exit;
  const complete = last.events.find((event) => event.name === "complete");
  // A kill that came after it had said so changes nothing any more.
  if (!complete || (code ?? 0) !== 0) {
    report.violations.push(`the last run ended with ${code}: ${last.stderr()}`);
  } else {
    ids.push(...idsOf(last));
    const url = new URL(textOf(complete, "url"), proxy.url).pathname;
    const at = await servedDifference(`http://127.0.0.1:${port}`, url, content);
    if (at !== undefined) {
      report.wrongFiles++;
      report.violations.push(`wrong byte at ${at}: ${showEvent(complete)}`);
    }
    if (numberOf(complete, "size") !== content.size) {
      report.violations.push(`another size: ${showEvent(complete)}`);
    }
  }
  if (new Set(ids).size > 1) report.violations.push(`not resumed: ${[...new Set(ids)].join(", ")}`);
  for (const line of last.strayLines) report.violations.push(`not an event: ${line}`);
  const twice = proxy.totals().up - content.size;
  report.files++;
  report.sizeOfAll += content.size;
  report.sentTwice += Math.max(0, twice);
  report.sentTwiceMax = Math.max(report.sentTwiceMax, twice);
  if (twice > kills * TWICE_MAX) {
    report.violations.push(`${kills} kills cost ${(twice / MIB).toFixed(1)} MiB`);
  }
  await proxy.close();
}

/** False where the command was quicker than the kill. */
async function killSomewhere(
  run: Command,
  dice: Dice,
  report: ClientCrashReport,
): Promise<boolean> {
  const isMidTransfer = dice.isHit(0.7);
  if (isMidTransfer) {
    // A run that ends before it says so is looked at after the last one.
    await Promise.race([run.event("created").catch(() => undefined), run.exit]);
    await sleep(dice.whole(0, 500));
  } else {
    await sleep(dice.whole(20, 700));
  }
  run.kill("SIGKILL");
  await run.exit;
  const { length: saidCreated } = idsOf(run);
  report.killsMidTransfer += saidCreated;
  return !run.events.some((event) => event.name === "complete");
}

function idsOf(run: Command): string[] {
  return run.events
    .filter((event) => event.name === "created" && event.fields.has("id"))
    .map((event) => textOf(event, "id"));
}
