// Our uploader in a real Uppy with its Dashboard, in a real browser: pause, cancel, errors, and reloads in the middle with and without Golden Retriever.
import { rm } from "node:fs/promises";
import { ERRORS, MIB } from "@holdfast/protocol";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type BrowserPlace, type Chosen, openBrowserPlace } from "../kit/browser-place.ts";
import { startChromium } from "../kit/chromium.ts";
import { openPartTap, type PartTap } from "../kit/part-tap.ts";
import { servedDifference, statusOf } from "../kit/wire.ts";

let place: BrowserPlace;
let tap: PartTap;
let browser: Browser;
/** No run has more than 16 MiB, however well the line is known: the first one leaves something to send. */
const SIZE: number = 20 * MIB + 18;

beforeAll(async () => {
  place = await openBrowserPlace(["holdfast-uppy"]);
  tap = await openPartTap(place.url);
  place.keep(tap.close);
  browser = await startChromium();
  place.keep(() => browser.close());
}, 300_000);
afterAll(() => place.close());
afterEach(() => tap.open());

const writeSource = (name?: string): Promise<Chosen> => place.file(SIZE, name);

async function openPage(more: Readonly<Record<string, string>> = {}): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  await page.goto(
    `${place.pages.origin}/holdfast-uppy?${new URLSearchParams({ to: tap.url, ...more })}`,
  );
  return page;
}

const button = (page: Page, name: string | RegExp) => page.getByRole("button", { name }).first();

async function choose(page: Page, { path }: Chosen): Promise<void> {
  await page.locator("input[type=file]").first().setInputFiles(path);
}

/** Lets some of the file be committed, and says so once the page knows it. */
async function begin(page: Page, chosen: Chosen): Promise<void> {
  const passed = tap.only(1);
  await choose(page, chosen);
  await button(page, /^Upload 1 file/).click();
  await passed;
  await page.waitForFunction("window.seen.progress.some((bytes) => bytes > 0)");
}

interface Complete {
  readonly urls: readonly string[];
  readonly failed: number;
}

async function expectFile(page: Page, { content }: Chosen): Promise<void> {
  const found = await page.waitForFunction("window.seen.complete");
  const { urls, failed } = (await found.jsonValue()) as Complete;
  expect(failed).toBe(0);
  expect(urls).toHaveLength(1);
  expect(
    await servedDifference(place.url, new URL(urls[0] ?? "").pathname, content),
  ).toBeUndefined();
}

test("pauses and goes on by the Dashboard's buttons, and shows only what is committed", async () => {
  const chosen = await writeSource("paused.bin");
  const page = await openPage();
  const before = tap.sent.length;
  await begin(page, chosen);
  await button(page, "Pause").click();
  await button(page, "Resume").waitFor();
  tap.open();
  await button(page, "Resume").click();
  await expectFile(page, chosen);
  const sent = tap.sent.slice(before);
  expect([...new Set(sent)]).toHaveLength(sent.length);
  const shown = await page.evaluate<readonly number[]>("window.seen.progress");
  expect(shown).toEqual(shown.toSorted((a, b) => a - b));
  expect(Math.max(...shown)).toBeLessThanOrEqual(SIZE);
  await page.close();
}, 180_000);

test("goes on after a reload in the middle, once the same file is chosen again", async () => {
  const chosen = await writeSource("reloaded.bin");
  const page = await openPage();
  const before = tap.sent.length;
  await begin(page, chosen);
  await page.reload();
  tap.open();
  await choose(page, chosen);
  await button(page, /^Upload 1 file/).click();
  await expectFile(page, chosen);
  const sent = tap.sent.slice(before);
  expect([...new Set(sent)]).toHaveLength(sent.length);
  await page.close();
}, 180_000);

test.each([
  { how: "by what Golden Retriever has kept of it", max: SIZE },
  { how: "once the file that Golden Retriever could not keep is chosen again", max: MIB },
])(
  "goes on after a reload in the middle, $how",
  async ({ max }) => {
    const chosen = await writeSource(`kept-${max}.bin`);
    const page = await openPage({ retriever: String(max) });
    const before = tap.sent.length;
    await begin(page, chosen);
    // It writes what it has to keep when it finds the time.
    await page.waitForTimeout(1500);
    await page.reload();
    tap.open();
    if (max < SIZE) {
      await button(page, /re-select/i).click();
      await choose(page, chosen);
    }
    await button(page, /Resume|Upload/).click();
    await expectFile(page, chosen);
    const sent = tap.sent.slice(before);
    expect([...new Set(sent)]).toHaveLength(sent.length);
    await page.close();
  },
  180_000,
);

/** The upload that a page is at. */
async function beginSeen(page: Page, name?: string): Promise<string> {
  const asked = new Set<string>();
  page.on("request", (request) => asked.add(new URL(request.url()).pathname));
  await begin(page, await writeSource(name));
  const [, id = ""] = /^\/v1\/uploads\/([^/]+)\/parts/m.exec([...asked].join("\n")) ?? [];
  expect((await statusOf(place.url, id)).state).toBe("open");
  return id;
}

test.each([
  ["a cancelled file's upload", (page: Page) => button(page, "Cancel").click()],
  ["what an Uppy that is destroyed was at", (page: Page) => page.evaluate("uppy.destroy()")],
])(
  "%s is ended on the server",
  async (_, end) => {
    const page = await openPage();
    const id = await beginSeen(page);
    await end(page);
    await expect
      .poll(async () => (await statusOf(place.url, id)).state, { timeout: 20_000 })
      .toBe("aborted");
    await page.close();
  },
  180_000,
);

/** As a component does that goes away, and wants none of it aborted. */
const leave = (page: Page) =>
  page.evaluate("uppy.removePlugin(uppy.getPlugin('Holdfast')), uppy.destroy()");

test("stops where it is when its plugin is removed, and keeps nobody from going on", async () => {
  const page = await openPage();
  const id = await beginSeen(page, "stopped.bin");
  await leave(page);
  const claims = () =>
    page.evaluate<readonly string[]>(
      "navigator.locks.query().then(({ held }) => held.map(({ name }) => name).filter((name) => name.startsWith('holdfast ')))",
    );
  await expect.poll(claims, { timeout: 60_000 }).toEqual([]);
  expect((await statusOf(place.url, id)).state).toBe("open");
  await page.close();
}, 180_000);

test("goes on in a client of the page's own when its plugin is removed", async () => {
  const page = await openPage({ shared: "yes" });
  const id = await beginSeen(page, "left.bin");
  await leave(page);
  tap.open();
  const state = async () => (await statusOf(place.url, id)).state;
  await expect.poll(state, { timeout: 60_000 }).toBe("complete");
  await page.close();
}, 180_000);

test("says what is wrong with a file, and what helps", async () => {
  const chosen = await writeSource("removed.bin");
  const page = await openPage();
  await choose(page, chosen);
  await rm(chosen.path);
  await button(page, /^Upload 1 file/).click();
  await page.waitForFunction("window.seen.errors.length > 0");
  expect(await page.evaluate("window.seen.errors")).toEqual([
    {
      code: "source_gone",
      message: "removed.bin is not where it was when it was chosen.",
      details: ERRORS.source_gone.hint,
    },
  ]);
  await page.getByText("Failed to upload removed.bin").first().waitFor();
  await page.close();
}, 180_000);
