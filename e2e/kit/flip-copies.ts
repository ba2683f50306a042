// Random flips in local copies: `verify` finds every part that has one and no other, `repair` asks for these and nothing else.
import { copyFile, open } from "node:fs/promises";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { startServer, stopServer } from "@holdfast/testkit/process";
import { eventOf, run } from "./cli.ts";
import { type Content, createDice, type Dice, firstDifference, writeContent } from "./source.ts";
import { startUpload, uploaded } from "./upload.ts";
import { watchRanges } from "./watch-ranges.ts";

export interface FlipReport {
  readonly seed: number;
  flips: number;
  /** Parts that had one, over all rounds, and how many of them `verify` has named. */
  parts: number;
  found: number;
  /** Bytes of these, and bytes that a repair has asked for. */
  partBytes: number;
  askedBytes: number;
  readonly violations: string[];
}

export interface FlipOptions {
  readonly rounds: number;
  /** In each. */
  readonly flips: number;
  readonly size: number;
  readonly seed: number;
}

/** Of files of that size by default. */
const PART = MIB;

export async function flipCopies(
  directory: string,
  { rounds, flips, size, seed }: FlipOptions,
): Promise<FlipReport> {
  const report: FlipReport = {
    ...{ seed, flips: 0, parts: 0, found: 0, partBytes: 0, askedBytes: 0, violations: [] },
  };
  const dice = createDice(seed);
  const content = { seed: dice.whole(1, 2 ** 31), size };
  const source = join(directory, "source");
  await writeContent(source, content);
  const server = await startServer({ data: join(directory, "data"), port: await freePort() });
  const { url } = await uploaded(startUpload(source, server.url, join(directory, "up")));
  let bad: ReadonlySet<number> = new Set();
  const watch = await watchRanges(server.url, size, ({ start, end }) => {
    report.askedBytes += end - start;
    for (let at = start; at < end; at += PART) {
      if (!bad.has(at / PART)) report.violations.push(`part ${at / PART} is good, and asked for`);
    }
  });
  const from = watch.url + new URL(url).pathname;
  const copy = join(directory, "copy");
  await copyFile(source, copy);
  for (let round = 0; round < rounds; round++) {
    bad = await flip(copy, content, flips, dice);
    report.flips += flips;
    report.parts += bad.size;
    for (const part of bad) report.partBytes += Math.min(PART, size - part * PART);
    const verified = await run(directory, ["verify", "copy", from, "--json"]);
    const named = eventOf(verified, "verified").get("bad");
    const found = Array.isArray(named) ? named.map(({ index }) => Number(index)) : [];
    report.found += found.filter((part) => bad.has(part)).length;
    if (verified.code !== 6) report.violations.push(`verify ended with ${verified.code}`);
    if (found.length !== bad.size) report.violations.push(`${found.length} named of ${bad.size}`);
    const repaired = await run(directory, ["repair", "copy", from, "--json"]);
    if (repaired.code !== 0) report.violations.push(`repair: ${repaired.stderr}`);
    const at = await firstDifference(copy, content);
    if (at !== undefined) report.violations.push(`wrong byte at ${at} after the repair`);
  }
  await watch.close();
  await stopServer(server);
  return report;
}

/** Flips so many different bits; resolves with the parts that have one. */
async function flip(
  path: string,
  { size }: Content,
  flips: number,
  dice: Dice,
): Promise<ReadonlySet<number>> {
  const file = await open(path, "r+");
  const places = new Set<number>();
  while (places.size < flips) places.add(dice.whole(0, size - 1));
  const byte = Buffer.alloc(1);
  for (const at of places) {
    await file.read(byte, 0, 1, at);
    byte[0] = (byte[0] ?? 0) ^ (1 << dice.whole(0, 7));
    await file.write(byte, 0, 1, at);
  }
  await file.close();
  return new Set([...places].map((at) => Math.floor(at / PART)));
}
