// Standard clients in a real browser, with a reload in the middle: the page of another origin goes on where it was, and what is there is what was chosen.
import { MIB } from "@holdfast/protocol";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BrowserPlace, type Chosen, openBrowserPlace } from "../kit/browser-place.ts";
import { startChromium } from "../kit/chromium.ts";
import { ask, servedDifference } from "../kit/wire.ts";

const SIZE = 6 * MIB + 18;

let place: BrowserPlace;
let chosen: Chosen;
let browser: Browser;

beforeAll(async () => {
  place = await openBrowserPlace(["tus-js-client", "tus-js-client-5", "uppy"]);
  chosen = await place.file(SIZE, "talk.bin");
  browser = await startChromium();
  place.keep(() => browser.close());
}, 300_000);
afterAll(() => place.close());

function addressOf(name: string, more: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams({ endpoint: `${place.url}/tus`, chunk: `${MIB}`, ...more });
  return `${place.pages.origin}/${name}?${query}`;
}

/** How a page chooses the file and starts. */
type Choose = (page: Page) => Promise<void>;

const byInput: Choose = async (page) => {
  await page.setInputFiles("input[type=file]", chosen.path);
};

const byDashboard: Choose = async (page) => {
  await page.setInputFiles("input.uppy-Dashboard-input >> nth=0", chosen.path);
  await page.click(".uppy-StatusBar-actionBtn--upload");
};

interface Sent {
  /** Of PATCHes, as they were asked for. */
  readonly offsets: number[];
  creations: number;
}

/** Watches what a page sends, and lets the request at `stopAt` hang: the reload finds it under way. */
async function watch(page: Page, stopAt: number): Promise<Sent & { readonly hung: Promise<void> }> {
  const { promise: hung, resolve } = Promise.withResolvers<void>();
  const sent = { offsets: [] as number[], creations: 0, hung };
  let isOver = false;
  await page.route(`${place.url}/**`, async (route) => {
    const headers = await route.request().allHeaders();
    const method = headers["x-http-method-override"] ?? route.request().method();
    if (method === "POST") sent.creations++;
    if (method === "PATCH") sent.offsets.push(Number(headers["upload-offset"]));
    if (method === "PATCH" && !isOver && Number(headers["upload-offset"]) >= stopAt) {
      isOver = true;
      resolve();
      return;
    }
    await route.continue().catch(() => undefined);
  });
  return sent;
}

/** Resolves with the upload's address once the page says that it is there. */
async function untilDone(page: Page): Promise<string> {
  const body = page.locator("body");
  await page.locator("body:not([data-state=ready])[data-state]").waitFor({ state: "attached" });
  expect(await body.getAttribute("data-state")).toBe("done");
  return (await body.getAttribute("data-url")) ?? "";
}

/** The test's own limit is the only one. */
async function openPage(): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  return page;
}

/** What is served in the end is what was chosen. */
async function expectFile(upload: string): Promise<void> {
  const headers = { "tus-resumable": "1.0.0" };
  const { status, headers: told } = await ask(place.url, {
    method: "HEAD",
    // An upload that was begun by another protocol is the same one.
    path: new URL(upload).pathname.replace(/^\/v1\/uploads\//, "/tus/"),
    headers,
  });
  expect([status, told["upload-offset"]]).toEqual([200, `${SIZE}`]);
  const file = told["content-location"] ?? "";
  expect(await servedDifference(place.url, file, chosen.content)).toBeUndefined();
}

test.each([
  ["tus-js-client", "tus-js-client", byInput, {}],
  ["tus-js-client 5", "tus-js-client-5", byInput, {}],
  ["tus-js-client that may only POST", "tus-js-client", byInput, { override: "1" }],
  ["Uppy's Dashboard with @uppy/tus", "uppy", byDashboard, {}],
] as const)(
  "%s goes on after a reload",
  async (_, name, choose, more) => {
    const page = await openPage();
    const sent = await watch(page, 3 * MIB);
    await page.goto(addressOf(name, more));
    await choose(page);
    await sent.hung;
    await page.reload();
    await choose(page);
    await expectFile(await untilDone(page));
    expect(sent.creations).toBe(1);
    // The one that hung comes again, and none of those before it.
    expect(sent.offsets).toEqual([0, 1, 2, 3, 3, 4, 5, 6].map((at) => at * MIB));
    await page.close();
  },
  180_000,
);

describe.each(["tus-js-client", "tus-js-client-5"])("%s", (name) => {
  const aborting = { abort: `${2 * MIB}` };
  test.each<readonly [string, Readonly<Record<string, string>>]>([
    ["goes on after an abort", aborting],
    ["goes on after an abort, with POST for PATCH", { ...aborting, override: "1" }],
    ["sends the first bytes with the creation", { creation: "1" }],
    ["sends a stream whose length it learns at its end", { deferred: "1" }],
    ["sends a stream that ends where a piece ends", { deferred: "1", chunk: `${SIZE / 3}` }],
    ["goes on after an abort, as ietf-draft-03", { ...aborting, protocol: "ietf-draft-03" }],
    ["goes on after an abort, as ietf-draft-05", { ...aborting, protocol: "ietf-draft-05" }],
  ])(
    "%s",
    async (_, more) => {
      const page = await openPage();
      const endpoint = more["protocol"] === undefined ? {} : { endpoint: `${place.url}/v1/files` };
      await page.goto(addressOf(name, { ...endpoint, ...more }));
      await byInput(page);
      await expectFile(await untilDone(page));
      const aborted = await page.locator("body").getAttribute("data-aborted");
      expect(aborted === null).toBe(more["abort"] === undefined);
      await page.close();
    },
    180_000,
  );

  test("sends partials side by side, and has them put together", async () => {
    const page = await openPage();
    await page.goto(addressOf(name, { parallel: "3" }));
    await byInput(page);
    const upload = await untilDone(page);
    await expect
      .poll(
        async () => {
          const headers = { "tus-resumable": "1.0.0" };
          const path = new URL(upload).pathname;
          return (await ask(place.url, { method: "HEAD", path, headers })).headers["upload-offset"];
        },
        { timeout: 60_000 },
      )
      .toBe(`${SIZE}`);
    await expectFile(upload);
    await page.close();
  }, 180_000);
});
