// kill -9 on the command line while parts go straight to a store: the same command again goes on with the same upload, and the bytes are the same.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { startServer, stopServer, textOf } from "@holdfast/testkit/process";
import type { Store } from "./bucket.ts";
import { createDice, type Dice, writeContent } from "./source.ts";
import { startUpload } from "./upload.ts";
import { servedDifference } from "./wire.ts";

export interface DirectCrashReport {
  readonly seed: number;
  kills: number;
  files: number;
  wrongFiles: number;
  /** Bytes of all files. */
  size: number;
  readonly violations: string[];
}

/** Slow enough that kills land in the middle. */
const RATE = "96M";

export async function crashDirect(
  directory: string,
  kills: number,
  seed: number,
  store: Store,
): Promise<DirectCrashReport> {
  const report: DirectCrashReport = {
    ...{ seed, kills: 0, files: 0, wrongFiles: 0, size: 0 },
    violations: [],
  };
  const dice = createDice(seed);
  const place = { data: join(directory, "data"), port: await freePort() };
  const server = await startServer({ ...place, env: store.env("crash") });
  while (report.kills < kills) {
    const most = Math.min(dice.whole(1, 3), kills - report.kills);
    await crashOneFile(directory, server.url, most, dice, report);
  }
  await stopServer(server);
  return report;
}

async function crashOneFile(
  directory: string,
  url: string,
  kills: number,
  dice: Dice,
  report: DirectCrashReport,
): Promise<void> {
  const content = { seed: dice.whole(1, 2 ** 31), size: dice.whole(60 * MIB, 120 * MIB) };
  const path = join(directory, `source-${report.files}`);
  await writeContent(path, content);
  const ids = new Set<string>();
  const upload = () => startUpload(path, url, join(directory, "state"), ["--limit-rate", RATE]);
  let last = upload();
  for (let kill = 0; kill < kills; kill++) {
    const created = await Promise.race([last.event("created").catch(() => undefined), last.exit]);
    if (created && "fields" in created) ids.add(textOf(created, "id"));
    await sleep(dice.whole(0, 900));
    last.kill("SIGKILL");
    await last.exit;
    if (last.events.some(({ name }) => name === "complete")) break;
    report.kills++;
    last = upload();
  }
  const { code } = await last.exit;
  const complete = last.events.find(({ name }) => name === "complete");
  report.files++;
  report.size += content.size;
  const fail = (what: string) => void report.violations.push(what);
  const created = last.events.find(({ name }) => name === "created");
  if (created) ids.add(textOf(created, "id"));
  if (ids.size > 1) fail(`not gone on with: ${[...ids].join(", ")}`);
  if (!complete) return fail(`the last run ended with ${code}: ${last.stderr()}`);
  // A way that was closed would prove nothing of this one.
  if (last.events.some(({ name }) => name === "notice")) fail(`a notice: ${last.stderr()}`);
  const at = await servedDifference(url, new URL(textOf(complete, "url")).pathname, content);
  if (at === undefined) return;
  report.wrongFiles++;
  fail(`wrong byte at ${at} of ${path}`);
}
