// What a real browser does to the page itself: it takes the network away, freezes the tab, keeps nothing for the site. Uploads wait or say so, and come through.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { KIB, MIB } from "@holdfast/protocol";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { seenBy, untilDone } from "../kit/browser-page.ts";
import { type BrowserPlace, type Chosen, openBrowserPlace } from "../kit/browser-place.ts";
import { chooseFile } from "../kit/choose-file.ts";
import { type KillableChromium, startOnProfile } from "../kit/killable-chromium.ts";
import { openPartTap, type PartTap } from "../kit/part-tap.ts";
import { servedDifference } from "../kit/wire.ts";

/** Of a file of this size from a browser, in bytes. */
const PART: number = 256 * KIB;

let place: BrowserPlace;
let browser: KillableChromium;
let tap: PartTap;

beforeAll(async () => {
  place = await openBrowserPlace(["holdfast"]);
  tap = await openPartTap(place.url);
  place.keep(tap.close);
  browser = await startOnProfile(join(place.directory, "profile"));
  place.keep(() => browser.kill());
}, 300_000);
afterAll(() => place.close());
afterEach(() => tap.open());

const writeSource = (name: string, size: number = 20 * MIB + 18): Promise<Chosen> =>
  place.file(size, name);

/** `more` is how the page goes about it. */
async function openPage(
  { context }: KillableChromium = browser,
  more: Readonly<Record<string, string>> = {},
): Promise<Page> {
  const page = await context.newPage();
  const query = new URLSearchParams({ to: tap.url, ...more });
  await page.goto(`${place.pages.origin}/holdfast?${query}`);
  return page;
}

const choose = (page: Page, { path }: Chosen, { context }: KillableChromium = browser) =>
  chooseFile(context, page, path);

async function expectFile(page: Page, { name, content }: Chosen): Promise<void> {
  const file = (await untilDone(page)).get(name) ?? "";
  expect(await servedDifference(place.url, new URL(file).pathname, content)).toBeUndefined();
}

/** Lets one run of it be committed; resolves with how many parts were sent by then. */
async function begin(page: Page, chosen: Chosen): Promise<number> {
  const before = tap.sent.length;
  const passed = tap.only(1);
  await choose(page, chosen);
  await passed;
  return tap.sent.length - before;
}

async function untilRetried(page: Page, times: number): Promise<void> {
  const waited = `window.seen.filter(({ name }) => name === "retry").length >= ${times}`;
  await page.waitForFunction(waited, undefined, { polling: 50 });
}

test("waits while the browser is offline, and goes on by itself when it is not", async () => {
  const page = await openPage();
  const chosen = await writeSource("offline.bin");
  await begin(page, chosen);
  await browser.context.setOffline(true);
  try {
    tap.open();
    // What was on its way already, browsers may send once more by themselves.
    await untilRetried(page, 3);
    const before = tap.sent.length;
    await untilRetried(page, 6);
    expect(tap.sent.length).toBe(before);
    expect(await page.evaluate("navigator.onLine")).toBe(false);
    expect(await page.evaluate("document.body.dataset.ended")).toBeUndefined();
  } finally {
    await browser.context.setOffline(false);
  }
  await expectFile(page, chosen);
  await page.close();
}, 120_000);

/** The processes that pages and their workers run in. */
async function renderers(): Promise<readonly number[]> {
  const session = await browser.context.browser()?.newBrowserCDPSession();
  const { processInfo = [] } = (await session?.send("SystemInfo.getProcessInfo")) ?? {};
  await session?.detach();
  return processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
}

// A stand-in: without a screen, browsers freeze no tab. A process that gets no time is what a tab is to a system that has put it to sleep.
test("goes on where it was after its tab was frozen for a while", async () => {
  // Of runs of 16 MiB at most, the browser repeats the one on its way by itself: what comes after that is the page's.
  const page = await openPage(browser, { options: JSON.stringify({ inFlight: 1 }) });
  const chosen = await writeSource("frozen.bin", 40 * MIB + 18);
  const parts = await begin(page, chosen);
  const before = tap.sent.length;
  const processes = await renderers();
  expect(processes.length).toBeGreaterThan(0);
  for (const pid of processes) process.kill(pid, "SIGSTOP");
  try {
    // What was on its way breaks while nobody is there to see it.
    tap.open();
    await pause(2_000);
    const meanwhile = tap.sent.length;
    await pause(500);
    expect(tap.sent.length).toBe(meanwhile);
    const all = Math.ceil(chosen.content.size / PART);
    expect(new Set(tap.sent.slice(before - parts)).size).toBeLessThan(all);
  } finally {
    for (const pid of processes) process.kill(pid, "SIGCONT");
  }
  await expectFile(page, chosen);
  await page.close();
}, 120_000);

test("uploads where the person lets no site keep anything, and says so", async () => {
  const profile = join(place.directory, "blocked");
  await mkdir(join(profile, "Default"), { recursive: true });
  const preferences = { profile: { default_content_setting_values: { cookies: 2 } } };
  await writeFile(join(profile, "Default", "Preferences"), JSON.stringify(preferences));
  const blocked = await startOnProfile(profile);
  try {
    const page = await openPage(blocked);
    const chosen = await writeSource("blocked.bin");
    await choose(page, chosen, blocked);
    await expectFile(page, chosen);
    const warnings = (await seenBy(page, "warning")) as { code: string; detail: string }[];
    expect(warnings).toMatchObject([
      { code: "checkpoint_failed", detail: "the browser lets this site keep nothing" },
    ]);
    await page.close();
  } finally {
    await blocked.kill();
  }
}, 120_000);
