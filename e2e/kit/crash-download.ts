// kill -9 on a download and on its server at random moments: the same command goes on, the file is right, and no part is asked for again that lies on the disk as it should.
import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ByteRange, MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import {
  type Command,
  killServer,
  type ServerProcess,
  startCli,
  startServer,
  stopServer,
} from "@holdfast/testkit/process";
import {
  bytesOf,
  type Content,
  createDice,
  type Dice,
  firstDifference,
  writeContent,
} from "./source.ts";
import { startUpload, uploaded } from "./upload.ts";
import { watchRanges } from "./watch-ranges.ts";

export interface DownloadCrashReport {
  readonly seed: number;
  clientKills: number;
  serverKills: number;
  files: number;
  wrongFiles: number;
  /** Parts that were asked for although they were there, verified. */
  partsTwice: number;
  /** Ranges that were looked at, and how many parts those began with that went on, summed up: what there was to be asked for twice. */
  ranges: number;
  partsKept: number;
  /** Bytes that went to clients beyond the files' own, counted between them and the server. */
  sentTwice: number;
  readonly violations: string[];
}

export interface DownloadCrashOptions {
  readonly kills: number;
  /** Bytes of each file. */
  readonly size: number;
  /** As `--limit-rate` takes it: low enough that kills land in the middle. */
  readonly rate: string;
  readonly seed: number;
}

/** Of files of that size by default. */
const PART = MIB;
const CLIENT = 0.7;
/** Twice as many kills hit a file, on average. */
const KILLS_A_FILE = 8;

export async function crashDownloads(
  directory: string,
  { kills, size, rate, seed }: DownloadCrashOptions,
): Promise<DownloadCrashReport> {
  const report: DownloadCrashReport = {
    ...{ seed, clientKills: 0, serverKills: 0, files: 0, wrongFiles: 0, partsTwice: 0 },
    ...{ ranges: 0, partsKept: 0, sentTwice: 0, violations: [] },
  };
  const dice = createDice(seed);
  const content = { seed: dice.whole(1, 2 ** 31), size };
  const place = { data: join(directory, "data"), port: await freePort() };
  let server = await startServer(place);
  const source = join(directory, "source");
  await writeContent(source, content);
  const { url } = await uploaded(startUpload(source, server.url, join(directory, "up")));
  await rm(source);
  const target = join(directory, "target");
  await mkdir(target);
  const watch = await watchRanges(server.url, size, (range) => {
    report.ranges++;
    const twice = rightParts(target, content, range);
    report.partsTwice += twice.length;
    if (twice.length > 0) report.violations.push(`asked again for ${twice.join(", ")}`);
  });
  const from = watch.url + new URL(url).pathname;
  const start = () =>
    startCli(["download", from, "-o", join(target, "copy"), "--json", "--limit-rate", rate], {
      env: { HOLDFAST_STATE_DIR: join(directory, "state"), HOLDFAST_TOKEN: "" },
    });
  const killed = () => report.clientKills + report.serverKills;
  const restart = async (): Promise<ServerProcess> => {
    await killServer(server);
    report.serverKills++;
    return startServer(place);
  };
  while (killed() < kills) {
    const before = watch.passed();
    let command = start();
    const kept: Command[] = [];
    while (
      killed() < kills &&
      (await runsUntil(command, watch.passed, dice, size / KILLS_A_FILE))
    ) {
      if (!dice.isHit(CLIENT)) {
        server = await restart();
        continue;
      }
      command.kill("SIGKILL");
      await command.exit;
      report.clientKills++;
      command = start();
      kept.push(command);
    }
    await checkOutcome(report, command, join(target, "copy"), content);
    for (const { events } of kept) report.partsKept += partsAtFirst(events);
    report.sentTwice += Math.max(0, watch.passed() - before - size);
    if (report.violations.length > 0) break;
  }
  await watch.close();
  await stopServer(server);
  return report;
}

/**
 * Lets a command run until so many bytes more went through, which is somewhere in the middle however fast the machine is, or for a moment that may be before it has
 * begun; false where it is over by then.
 */
async function runsUntil(command: Command, passed: () => number, dice: Dice, most: number) {
  let isOver = false;
  void command.exit.then(() => {
    isOver = true;
  });
  const isEarly = dice.isHit(0.1);
  const wanted = passed() + dice.whole(1, most);
  await sleep(isEarly ? dice.whole(0, 500) : 0);
  while (!isEarly && !isOver && passed() < wanted) await sleep(5);
  return !isOver && !command.events.some(({ name }) => name === "complete");
}

async function checkOutcome(
  report: DownloadCrashReport,
  command: Command,
  path: string,
  content: Content,
): Promise<void> {
  const { code, signal } = await command.exit;
  report.files++;
  if (code !== 0) {
    report.violations.push(`ended with ${code ?? signal}: ${command.stderr()}`);
    return;
  }
  const at = await firstDifference(path, content);
  if (at !== undefined) {
    report.wrongFiles++;
    report.violations.push(`wrong byte at ${at}`);
  }
  const left = readdirSync(join(path, "..")).filter((name) => name !== "copy");
  if (left.length > 0) report.violations.push(`left behind: ${left.join(", ")}`);
  await rm(path);
}

/** How many parts a command has found when it begins to fetch. */
function partsAtFirst(events: Command["events"]): number {
  const first = events.find(({ name }) => name === "progress");
  return Math.floor(Number(first?.fields.get("committed") ?? 0) / PART);
}

/** Parts within a range that lie in the working file as they should. */
function rightParts(target: string, content: Content, range: ByteRange): readonly number[] {
  const [name] = readdirSync(target).filter((one) => one.endsWith(".part"));
  if (name === undefined) return [];
  const file = openSync(join(target, name), "r");
  try {
    const right: number[] = [];
    for (let start = range.start; start < range.end; start += PART) {
      const wanted = bytesOf(content, start, Math.min(start + PART, range.end));
      const there = Buffer.alloc(wanted.length);
      if (readSync(file, there, 0, there.length, start) < there.length) continue;
      if (wanted.equals(there)) right.push(start / PART);
    }
    return right;
  } finally {
    closeSync(file);
  }
}
