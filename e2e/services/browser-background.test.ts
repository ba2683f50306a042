// Background Fetch of a real browser: an upload is handed to it, the page goes, the parts arrive, a page completes it.
import { countParts, KIB } from "@holdfast/protocol";
import { startRelay } from "@holdfast/testkit/relay";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type BrowserPlace, type Chosen, openBrowserPlace } from "../kit/browser-place.ts";
import { chooseFile } from "../kit/choose-file.ts";
import { startChromium } from "../kit/chromium.ts";
import { type SameOrigin, serveSameOrigin } from "../kit/same-origin.ts";
import { servedDifference, statusOf } from "../kit/wire.ts";

const PART = 256 * KIB;
const PARTS = 24;

let place: BrowserPlace;
let browser: Browser;
let context: BrowserContext;
let site: SameOrigin;

beforeAll(async () => {
  place = await openBrowserPlace(["survive", "service-worker"]);
  browser = await startChromium();
  place.keep(() => browser.close());
}, 300_000);
afterAll(() => place.close());
beforeEach(async () => {
  site = await serveSameOrigin(place.url, place.pages.origin);
  context = await browser.newContext();
  context.setDefaultTimeout(60_000);
});
afterEach(async () => {
  await context.close();
  await site.close();
});

const writeSource = (): Promise<Chosen> => place.file(PARTS * PART - 77);

async function openPage(origin = site.url, to = site.url): Promise<Page> {
  const page = await context.newPage();
  const options = JSON.stringify({ partSize: PART });
  await page.goto(`${origin}/survive?${new URLSearchParams({ to, options, worker: "" })}`);
  await page.evaluate("window.serviceWorker");
  return page;
}

const choose = (page: Page, { path }: Chosen) => chooseFile(context, page, path);
const hasSeen = (page: Page, name: string, that: string) =>
  page.waitForFunction(
    `window.seen.some(({ name, value }) => name === ${JSON.stringify(name)} && ${that})`,
  );
const told = (page: Page, name: string) =>
  page.evaluate<unknown[]>(
    `window.seen.filter(({ name }) => name === ${JSON.stringify(name)}).map(({ value }) => value)`,
  );

/** As soon as the upload exists. Resolves with its id. */
async function handOver(page: Page, file: Chosen): Promise<string> {
  await choose(page, file);
  await hasSeen(page, "created", "true");
  const [created] = await told(page, "created");
  await page.evaluate("window.transfer.toBackground({ title: 'a recording' })");
  expect(await told(page, "where")).toEqual(["background"]);
  expect(await page.evaluate("window.transfer.state")).toBe("paused");
  return (created as { readonly id: string }).id;
}

async function completes(page: Page, { content }: Chosen): Promise<void> {
  await page.waitForFunction("window.ended.length > 0");
  const [end] = await page.evaluate<{ readonly url?: string }[]>("window.ended");
  const path = new URL(end?.url ?? "there-is-none", site.url).pathname;
  expect(await servedDifference(place.url, path, content)).toBeUndefined();
}

const everyPart = Array.from({ length: PARTS }, (_, index) => index);
const sorted = (parts: readonly number[]) => parts.toSorted((a, b) => a - b);

test("the parts arrive with no page left, and the next page completes the upload without sending any again", async () => {
  const file = await writeSource();
  const letGo = site.hold();
  const first = await openPage();
  const id = await handOver(first, file);
  await first.close();
  letGo.signed();
  await expect
    .poll(async () => countParts((await statusOf(place.url, id)).committed), { timeout: 60_000 })
    .toBe(PARTS);
  const second = await openPage();
  await choose(second, file);
  await completes(second, file);
  expect(site.sent).toEqual([]);
  expect(sorted(site.signed)).toEqual(everyPart);
}, 120_000);

test("a page that comes while the browser is at it waits for it, sends nothing, and completes the upload", async () => {
  const file = await writeSource();
  const letGo = site.hold();
  const first = await openPage();
  await handOver(first, file);
  await first.close();
  const second = await openPage();
  await choose(second, file);
  await hasSeen(second, "where", "value === 'background'");
  letGo.signed();
  await completes(second, file);
  expect(await told(second, "where")).toEqual(["background", "here"]);
  expect(site.sent).toEqual([]);
  expect(sorted(site.signed)).toEqual(everyPart);
}, 120_000);

test("a tab that watched goes on where the one goes that handed the upload over, once the browser is done", async () => {
  const file = await writeSource();
  const letGo = site.hold();
  const first = await openPage();
  await choose(first, file);
  await hasSeen(first, "created", "true");
  const second = await openPage();
  await choose(second, file);
  await hasSeen(second, "where", "value === 'elsewhere'");
  await first.evaluate("window.transfer.toBackground()");
  await hasSeen(second, "state", "value === 'paused'");
  await first.close();
  await hasSeen(second, "where", "value === 'background'");
  letGo.signed();
  await completes(second, file);
  expect(site.sent).toEqual([]);
  expect(sorted(site.signed)).toEqual(everyPart);
}, 120_000);

test("an upload that is taken back is sent by the page", async () => {
  const file = await writeSource();
  const letGo = site.hold();
  const page = await openPage();
  await handOver(page, file);
  letGo.sent();
  await page.evaluate("window.transfer.resume()");
  await completes(page, file);
  expect(await told(page, "where")).toEqual(["background", "here"]);
  expect(site.signed).toEqual([]);
  // What was on its way when it was handed over, and kept back here, is passed on besides.
  expect(sorted([...new Set(site.sent)])).toEqual(everyPart);
}, 120_000);

/** Has the browser send a request of no upload; resolves when it is done with it, however. */
const sendBehind = (page: Page, method: string, to: string) =>
  page.evaluate(
    async ([how = "", address = ""]) => {
      const registration: unknown = await navigator.serviceWorker.ready;
      const { backgroundFetch } = registration as { backgroundFetch: BackgroundFetches };
      const request = new Request(address, { method: how, body: "abc", credentials: "omit" });
      await backgroundFetch.fetch(how, [request]);
      while (await backgroundFetch.get(how)) await new Promise((done) => setTimeout(done, 20));
    },
    [method, to],
  );

interface BackgroundFetches {
  fetch(id: string, requests: readonly Request[]): Promise<unknown>;
  get(id: string): Promise<unknown>;
}

test("Chromium asks no other origin whether it may send there: what it has to ask for never goes out", async () => {
  const seen: string[] = [];
  const other = await startRelay((request, response) => {
    seen.push(request.method ?? "");
    response.writeHead(200, { "access-control-allow-origin": "*" });
    response.end();
  });
  try {
    const page = await openPage();
    for (const method of ["PUT", "POST"]) await sendBehind(page, method, `${other.url}/part`);
    // A form could send a POST without asking.
    expect(seen).toEqual(["POST"]);
  } finally {
    await other.close();
  }
});

test("where parts would go to another origin, the page says so and sends them itself", async () => {
  const file = await writeSource();
  const page = await openPage(place.pages.origin, place.url);
  await choose(page, file);
  await hasSeen(page, "created", "true");
  const refused = await page.evaluate("window.transfer.toBackground().catch(({ code }) => code)");
  expect(refused).toBe("background_unsupported");
  await completes(page, file);
}, 120_000);
