// Several tabs of one site in a real browser: one of them is at an upload, the others show it, steer it, and go on with it.
import { MIB } from "@holdfast/protocol";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { indexesOf } from "../../packages/client/src/sample.ts";
import { type BrowserPlace, type Chosen, openBrowserPlace } from "../kit/browser-place.ts";
import { chooseFile } from "../kit/choose-file.ts";
import { startChromium } from "../kit/chromium.ts";
import { openPartTap, type PartTap } from "../kit/part-tap.ts";
import { servedDifference, statusOf } from "../kit/wire.ts";

/** No run has more than 16 MiB, however well the line is known: the first one leaves something to send. */
const SIZE: number = 20 * MIB + 18;

let place: BrowserPlace;
let browser: Browser;
let context: BrowserContext;
let tap: PartTap;

beforeAll(async () => {
  place = await openBrowserPlace(["survive", "service-worker"]);
  tap = await openPartTap(place.url);
  place.keep(tap.close);
  browser = await startChromium({ keepsPages: true });
  place.keep(() => browser.close());
}, 300_000);
afterAll(() => place.close());
beforeEach(async () => {
  context = await browser.newContext();
  context.setDefaultTimeout(0);
});
afterEach(async () => {
  tap.open();
  await context.close();
});

const writeSource = (): Promise<Chosen> => place.file(SIZE);

/** `more` is how the page goes about it. */
async function openPage(more: Readonly<Record<string, string>> = {}): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${place.pages.origin}/survive?${new URLSearchParams({ to: tap.url, ...more })}`);
  return page;
}

const choose = (page: Page, { path }: Chosen) => chooseFile(context, page, path);

/** A tab that is not in front paints nothing: it is looked at by the clock, in milliseconds. */
const HOWEVER_HIDDEN = { polling: 50 };

/** Nothing here is about how quick it is. */
const LONG = { timeout: 60_000 };

/** What the page has seen of a kind, once there is one for which `that` is true. */
async function seen(page: Page, name: string, that = "true"): Promise<Record<string, unknown>> {
  const found = await page.waitForFunction(
    `window.seen.find(({ name, value }) => name === ${JSON.stringify(name)} && ${that})`,
    undefined,
    HOWEVER_HIDDEN,
  );
  return (await found.jsonValue()) as Record<string, unknown>;
}

/** How the page's upload ended. */
async function ended(page: Page): Promise<{ readonly url?: string; readonly code?: string }> {
  await page.waitForFunction("window.ended.length > 0", undefined, HOWEVER_HIDDEN);
  return page.evaluate("window.ended[0]");
}

async function expectFile(page: Page, { content }: Chosen): Promise<void> {
  const { code, url: file = "" } = await ended(page);
  expect(code).toBeUndefined();
  expect(await servedDifference(place.url, new URL(file).pathname, content)).toBeUndefined();
}

/** Chooses the file, lets one run of it be committed, and keeps the next ones back; resolves with the indexes of those parts. */
async function begin(page: Page, chosen: Chosen): Promise<ReadonlySet<number>> {
  const passed = tap.only(1);
  await choose(page, chosen);
  await passed;
  const { value } = await seen(page, "created");
  const { committed } = await statusOf(place.url, String(Reflect.get(Object(value), "id")));
  const indexes = new Set(indexesOf(committed));
  expect(indexes.size).toBeGreaterThan(0);
  return indexes;
}

test("shows what another tab is at, steers it, and goes on when that one is closed", async () => {
  const chosen = await writeSource();
  const [first, second] = [await openPage(), await openPage()];
  const committed = await begin(first, chosen);
  const before = tap.sent.length;
  await choose(second, chosen);
  const told = await seen(second, "progress", "value.committed > 0");
  expect(told).toMatchObject({ value: { size: SIZE } });
  expect(await seen(second, "where")).toMatchObject({ value: "elsewhere" });
  const running = await Promise.all([first, second].map((page) => page.evaluate("isRunning")));
  expect(running).toEqual([true, false]);
  await second.evaluate("window.transfer.pause()");
  for (const page of [first, second])
    await page.waitForFunction("window.transfer.state === 'paused'", undefined, HOWEVER_HIDDEN);
  await second.evaluate("window.transfer.resume()");
  await first.waitForFunction("window.transfer.state === 'sending'", undefined, HOWEVER_HIDDEN);
  expect(tap.sent.length).toBe(before);
  tap.open();
  await first.close();
  await expectFile(second, chosen);
  expect(tap.sent.slice(before).filter((index) => committed.has(index))).toEqual([]);
});

/** Goes on in this page, and sends nothing again. */
async function goOn(page: Page, chosen: Chosen, committed: ReadonlySet<number>): Promise<void> {
  const before = tap.sent.length;
  tap.open();
  await expectFile(page, chosen);
  expect(tap.sent.slice(before).filter((index) => committed.has(index))).toEqual([]);
}

test("a tab that was given nothing goes on with what another one began, by its file", async () => {
  const chosen = await writeSource();
  const [watching, first] = [await openPage({ others: "yes" }), await openPage()];
  const committed = await begin(first, chosen);
  await seen(watching, "progress", "value.committed > 0");
  await first.close();
  await goOn(watching, chosen, committed);
  expect(await seen(watching, "where", 'value === "here"')).toBeTruthy();
});

const WORKER = { worker: "yes" };

/** Begins in a page with a service worker that is there from the start. */
async function beginKept(chosen: Chosen): Promise<readonly [Page, ReadonlySet<number>]> {
  const page = await openPage(WORKER);
  await page.evaluate("window.serviceWorker.then(() => undefined)");
  return [page, await begin(page, chosen)];
}

test("a reload goes on without the file being chosen again, by the site's service worker", async () => {
  const chosen = await writeSource();
  const [page, committed] = await beginKept(chosen);
  await page.reload();
  expect(await page.evaluate("window.resume()")).toBe("resumed");
  await goOn(page, chosen, committed);
});

test("a service worker that was ended costs no more than choosing the file again", async () => {
  const chosen = await writeSource();
  const [page, committed] = await beginKept(chosen);
  const session = await context.newCDPSession(page);
  await session.send("ServiceWorker.enable");
  await page.goto("about:blank");
  await session.send("ServiceWorker.stopAllWorkers");
  const again = await openPage(WORKER);
  expect(await again.evaluate("window.resume()")).toBe("source_denied");
  await choose(again, chosen);
  await goOn(again, chosen, committed);
});

test("tells who looks elsewhere that it is done", async () => {
  await context.grantPermissions(["notifications"], { origin: place.pages.origin });
  const chosen = await writeSource();
  const [page] = await beginKept(chosen);
  // Without a screen every page is looked at.
  await page.evaluate("Object.defineProperty(document, 'visibilityState', { value: 'hidden' })");
  tap.open();
  await expectFile(page, chosen);
  const titles = () =>
    page.evaluate<readonly string[]>(
      "serviceWorker.then((one) => one.getNotifications()).then((all) => all.map((one) => one.title))",
    );
  await expect.poll(titles, LONG).toContain(`${chosen.name} is uploaded`);
});

/** Whether some page of the site is at an upload. */
const isClaimed = (page: Page) =>
  page.evaluate<boolean>(
    "navigator.locks.query().then(({ held }) => held.some(({ name }) => name.startsWith('holdfast ')))",
  );

test("a page that is left, and kept, keeps nobody from going on; shown again, it goes on", async () => {
  const chosen = await writeSource();
  const other = await openPage();
  const [page, committed] = await beginKept(chosen);
  const { value } = await seen(page, "created");
  const id = String(Reflect.get(Object(value), "id"));
  await page.evaluate(() => {
    addEventListener("pageshow", ({ persisted }) => {
      localStorage.setItem("shown", persisted ? "again" : "anew");
    });
    setTimeout(() => location.assign("/survive?elsewhere"));
  });
  await expect.poll(() => isClaimed(other), LONG).toBe(false);
  const before = tap.sent.length;
  await page.waitForURL("**/survive?elsewhere");
  await page.evaluate("void setTimeout(() => history.back())");
  await other.waitForFunction(
    "localStorage.getItem('shown') === 'again'",
    undefined,
    HOWEVER_HIDDEN,
  );
  await expect.poll(() => isClaimed(other), LONG).toBe(true);
  tap.open();
  await expect.poll(async () => (await statusOf(place.url, id)).state, LONG).toBe("complete");
  expect(tap.sent.slice(before).filter((index) => committed.has(index))).toEqual([]);
});

test("a page that does the work itself, and is left, keeps nobody from going on", async () => {
  const chosen = await writeSource();
  const [page, other] = [await openPage(), await openPage()];
  await page.evaluate("delete window.Worker");
  const committed = await begin(page, chosen);
  expect(await seen(page, "warning")).toMatchObject({ value: { code: "internal" } });
  await page.evaluate("void setTimeout(() => location.assign('/survive?elsewhere'))");
  await page.waitForURL("**/survive?elsewhere");
  await choose(other, chosen);
  await goOn(other, chosen, committed);
});

test("two tabs that begin at the same moment send the file once, and both have it", async () => {
  const chosen = await writeSource();
  const both = [await openPage(), await openPage()];
  const before = tap.bytes();
  await Promise.all(both.map((page) => choose(page, chosen)));
  const [one, other] = await Promise.all(both.map(ended));
  expect(one?.url).toBe(other?.url);
  for (const page of both) await expectFile(page, chosen);
  // What is late may go out once more; were both at it, all would.
  expect(tap.bytes() - before).toBeLessThan(2 * SIZE);
});

test("what is aborted in one tab is aborted in all of them", async () => {
  const chosen = await writeSource();
  const [first, second] = [await openPage(), await openPage()];
  await begin(first, chosen);
  await choose(second, chosen);
  await seen(second, "progress", "value.committed > 0");
  await second.evaluate("window.transfer.abort()");
  for (const page of [first, second]) expect(await ended(page)).toMatchObject({ code: "aborted" });
  expect(await second.evaluate("window.client.unfinished()")).toEqual([]);
});
