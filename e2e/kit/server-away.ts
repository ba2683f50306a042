// The server dies in the middle of an upload and is away for a while: how soon after its return does a new byte become safe?
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { countParts, MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { killServer, startServer, stopServer, textOf } from "@holdfast/testkit/process";
import { writeContent } from "./source.ts";
import { startUpload, uploaded } from "./upload.ts";
import { servedDifference, statusOf } from "./wire.ts";

export interface AwayReport {
  readonly awayMs: number;
  /** From the moment the server said that it listens to the first part committed after it. */
  readonly resumedAfterMs: number;
  readonly wrongByteAt: number | undefined;
}

export async function measureAway(
  directory: string,
  awayMs: number,
  seed: number,
): Promise<AwayReport> {
  const content = { seed, size: 48 * MIB };
  const path = join(directory, "away-source");
  await writeContent(path, content);
  const place = { data: join(directory, "away-data"), port: await freePort() };
  const first = await startServer(place);
  const command = startUpload(path, first.url, join(directory, "state"), ["--limit-rate", "8M"]);
  const id = textOf(await command.event("created"), "id");
  await committedBeyond(first.url, id, 8);
  await killServer(first);
  await sleep(awayMs);
  const second = await startServer(place);
  const backAt = performance.now();
  const before = countParts((await statusOf(second.url, id)).committed);
  await committedBeyond(second.url, id, before);
  const resumedAfterMs = performance.now() - backAt;
  const done = await uploaded(command);
  const wrongByteAt = await servedDifference(second.url, new URL(done.url).pathname, content);
  await stopServer(second);
  return { awayMs, resumedAfterMs, wrongByteAt };
}

/** Resolves when more than so many parts are committed. */
async function committedBeyond(base: string, id: string, parts: number): Promise<void> {
  while (countParts((await statusOf(base, id)).committed) <= parts) await sleep(10);
}
