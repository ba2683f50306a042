// One upload from a browser that is reloaded and killed again and again: what of it crosses the network twice, each time.
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { countParts } from "@holdfast/protocol";
import { startCli, textOf } from "@holdfast/testkit/process";
import type { Page } from "playwright-core";
import { chooseFile } from "./choose-file.ts";
import { startOnProfile } from "./killable-chromium.ts";
import { servePages } from "./pages.ts";
import { openPartTap } from "./part-tap.ts";
import { createDice, writeContent } from "./source.ts";
import { servedDifference, statusOf } from "./wire.ts";

export interface BrowserKills {
  readonly size: number;
  readonly reloads: number;
  readonly kills: number;
  readonly seed: number;
}

export interface BrowserKillsReport {
  readonly interruptions: number;
  /** Bytes that crossed the network before an interruption and were not committed after it, of each. */
  readonly lost: readonly number[];
  /** Bytes of the longest run. */
  readonly longestRun: number;
  readonly sentTwice: number;
  readonly wrongByteAt: number | undefined;
}

/** Counts at a relay before the server. Interruptions come wherever the upload is once each has brought its share. */
export async function killBrowsers(
  directory: string,
  { size, reloads, kills, seed }: BrowserKills,
): Promise<BrowserKillsReport> {
  const content = { seed, size };
  const source = join(directory, "recording.bin");
  await writeContent(source, content);
  const pages = await servePages(["survive"]);
  const place = ["--data", join(directory, "data"), "--port", "0", "--json"];
  const server = startCli(["serve", ...place, "--origins", pages.origin]);
  const url = textOf(await server.event("listening"), "url").replace(/\/$/, "");
  const tap = await openPartTap(url);
  const profile = join(directory, "profile");
  let browser = await startOnProfile(profile);
  try {
    const dice = createDice(seed);
    const ends = [...Array(reloads).fill("reload"), ...Array(kills).fill("kill")]
      .map((how) => ({ how, at: dice.fraction() }))
      .sort((one, other) => one.at - other.at);
    const share = size / (ends.length + 1);
    const lost: number[] = [];
    let partSize = 0;
    const address = `${pages.origin}/survive?${new URLSearchParams({ to: tap.url })}`;
    let page = await browser.context.newPage();
    await page.goto(address);
    let id = "";
    for (const { how } of ends) {
      const before = tap.bytes();
      await chooseFile(browser.context, page, source);
      id = await uploadOf(page);
      while (tap.bytes() - before < share * dice.fraction()) await pause(5);
      if (how === "kill") {
        await browser.kill();
        browser = await startOnProfile(profile);
        page = await browser.context.newPage();
        await page.goto(address);
      } else {
        await page.reload();
      }
      const wasted = lost.reduce((sum, bytes) => sum + bytes, 0);
      lost.push((await settled(url, id, tap.bytes)) - wasted);
      ({ partSize } = await statusOf(url, id));
    }
    await chooseFile(browser.context, page, source);
    await page.waitForFunction("window.ended.length > 0", undefined, { polling: 50 });
    const ended = await page.evaluate<{ readonly url?: string; readonly message?: string }>(
      "window.ended[0]",
    );
    if (ended.url === undefined) throw new Error(`the upload has failed: ${ended.message}`);
    return {
      interruptions: ends.length,
      lost,
      longestRun: tap.longest() * partSize,
      sentTwice: tap.bytes() - size,
      wrongByteAt: await servedDifference(url, new URL(ended.url).pathname, content),
    };
  } finally {
    await browser.kill();
    await tap.close();
    await pages.stop();
    server.kill("SIGKILL");
    await server.exit;
  }
}

async function uploadOf(page: Page): Promise<string> {
  const found = await page.waitForFunction(
    `window.seen.find(({ name }) => name === "created")?.value.id`,
    undefined,
    { polling: 20 },
  );
  return String(await found.jsonValue());
}

/** Bytes that came and are not committed, once the server is done with what its sender has left. */
async function settled(url: string, id: string, bytes: () => number): Promise<number> {
  for (let last = -1; ; ) {
    const { committed, size, partSize } = await statusOf(url, id);
    const had = Math.min(size, countParts(committed) * partSize);
    const waste = bytes() - had;
    if (waste === last) return waste;
    last = waste;
    await pause(200);
  }
}
