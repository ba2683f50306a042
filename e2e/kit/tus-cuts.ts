// One tus-js-client upload on a line that is cut again and again: resets, silences that somebody on the way ends with a reset, and deaths of the server.
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { killServer, startServer, stopServer } from "@holdfast/testkit/process";
import { type ChaosProxy, type ProxyConnection, startProxy } from "@holdfast/testkit/proxy";
import type { Environment } from "./bucket.ts";
import { type Content, createDice, writeContent } from "./source.ts";
import { type ClientName, startUpload } from "./tus-client.ts";
import { startTap } from "./tus-tap.ts";
import { ask, servedDifference } from "./wire.ts";

export interface TusCuts {
  readonly client: ClientName;
  readonly cuts: number;
  readonly size: number;
  readonly seed: number;
  /** How long a silence lasts, in milliseconds. */
  readonly freezeMs: number;
  /** Where the server keeps the bytes, if not on its disk. */
  readonly env?: Environment;
}

export interface TusCutReport {
  resets: number;
  freezes: number;
  kills: number;
  /** Offsets that the server told. */
  told: number;
  /** Bytes that went up the line, and those of the file. */
  carried: number;
  readonly size: number;
  readonly violations: string[];
}

/** A line on which a cut can be timed: 256 MiB take some ten seconds. */
const LINE = { latencyMs: 1, bytesPerSecond: 24 * MIB };
/** No cut aims at the last second of the line: where a busy machine is late with the last one, the upload would be complete. */
const LATE = LINE.bytesPerSecond;

export async function cutTusUpload(directory: string, wants: TusCuts): Promise<TusCutReport> {
  const { client, cuts, size, seed, freezeMs, env = {} } = wants;
  const report: TusCutReport = {
    ...{ resets: 0, freezes: 0, kills: 0, told: 0, carried: 0, size },
    violations: [],
  };
  const content: Content = { seed, size };
  const source = join(directory, "source.bin");
  await writeContent(source, content);
  const place = { data: join(directory, "data"), port: await freePort(), env };
  let server = await startServer(place);
  const tap = await startTap(server.port);
  const proxy = await startProxy({ targetPort: tap.port, line: LINE });
  const dice = createDice(seed);
  let isOver = false;
  const upload = startUpload(client, createReadStream(source), {
    endpoint: `${proxy.url}/tus`,
    // As users have it that want it to go on: it begins anew with each byte that comes through.
    retryDelays: Array.from({ length: 400 }, () => 50),
  });
  const done = upload.done.finally(() => {
    isOver = true;
  });
  done.catch(() => undefined);
  // What the connection that was cut last has brought, and how often an offset had been told then.
  let [brought, heard] = [0, 0];
  for (let left = cuts; left > 0 && !isOver; left--) {
    // So much of what is missing that all cuts find some of it, the last one too. What was brought is there at most, as long as nothing is told.
    const told = tap.offsets.at(-1) ?? 0;
    const reached = tap.offsets.length > heard ? told : told + brought;
    const missing = Math.max(0, size - Math.min(LATE, size / 8) - reached);
    const until = dice.whole(0, Math.floor((2 * missing) / (left + 2)));
    const connection = await carryingOn(proxy, until, () => isOver);
    if (!connection) break;
    [brought, heard] = [connection.up, tap.offsets.length];
    const kind = dice.fraction();
    if (kind < 0.25) {
      report.freezes++;
      connection.freeze();
      await sleep(freezeMs);
      connection.cut();
    } else if (kind < 0.5) {
      report.kills++;
      await killServer(server);
      server = await startServer(place);
    } else {
      report.resets++;
      connection.cut();
    }
  }
  const url = await done;
  checkTold(tap.offsets, report);
  if (tap.created.length !== 1) report.violations.push(`${tap.created.length} uploads were begun`);
  report.carried = proxy.totals().up;
  const head = await ask(server.url, {
    method: "HEAD",
    path: new URL(url).pathname,
    headers: { "tus-resumable": "1.0.0" },
  });
  const file = String(head.headers["content-location"]);
  const difference = await servedDifference(server.url, file, content);
  if (difference !== undefined) report.violations.push(`a wrong byte at ${difference}`);
  await proxy.close();
  tap.close();
  const { code } = await stopServer(server);
  if (code !== 0) report.violations.push(`SIGTERM ended with ${code}`);
  return report;
}

/** The connection that has brought so many bytes, once there is one. */
async function carryingOn(
  { connections }: ChaosProxy,
  bytes: number,
  isOver: () => boolean,
): Promise<ProxyConnection | undefined> {
  while (!isOver()) {
    const open = connections.filter(({ isOpen, up }) => isOpen && up > bytes);
    const last = open.at(-1);
    if (last) return last;
    await sleep(1);
  }
  return undefined;
}

function checkTold(offsets: readonly number[], report: TusCutReport): void {
  report.told = offsets.length;
  let highest = 0;
  for (const offset of offsets) {
    if (offset < highest) report.violations.push(`offset ${offset} was told after ${highest}`);
    highest = Math.max(highest, offset);
  }
  if (highest !== report.size) report.violations.push(`the last offset told was ${highest}`);
}
