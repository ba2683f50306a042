// Our own client in a real browser: what a page is given goes to a real server of another origin, and progress is what that has committed.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { startCli, textOf } from "@holdfast/testkit/process";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startChromium } from "../kit/chromium.ts";
import { type Pages, servePages } from "../kit/pages.ts";
import { bytesOf } from "../kit/source.ts";
import { servedDifference } from "../kit/wire.ts";

const CONTENT = { seed: 37, size: 20 * MIB + 18 };

let directory = "";
let source = "";
let url = "";
let pages: Pages;
let browser: Browser;
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-browser-"));
  stops.push(() => rm(directory, { recursive: true, force: true }));
  source = join(directory, "talk.bin");
  await writeFile(source, bytesOf(CONTENT, 0, CONTENT.size));
  pages = await servePages(["holdfast"]);
  stops.push(pages.stop);
  const place = ["--data", join(directory, "data"), "--port", "0", "--json"];
  const server = startCli(["serve", ...place, "--origins", pages.origin]);
  stops.push(async () => {
    server.kill("SIGKILL");
    await server.exit;
  });
  url = textOf(await server.event("listening"), "url").replace(/\/$/, "");
  browser = await startChromium();
  stops.push(() => browser.close());
}, 300_000);
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

interface Seen {
  readonly name: string;
  readonly value: { readonly committed?: number; readonly index?: number };
}

/** The test's own limit is the only one. */
async function openPage(options: object = {}): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  const query = new URLSearchParams({ to: url, options: JSON.stringify(options) });
  await page.goto(`${pages.origin}/holdfast?${query}`);
  return page;
}

/** Resolves with the file's address once the page says that it is there. */
async function untilDone(page: Page): Promise<string> {
  const body = page.locator("body");
  await page.locator("body:not([data-state=ready])[data-state]").waitFor({ state: "attached" });
  expect(await body.getAttribute("data-state")).toBe("done");
  return (await body.getAttribute("data-url")) ?? "";
}

const seenBy = (page: Page) => page.evaluate<readonly Seen[]>("window.seen");

test("uploads a file by verified parts, and tells what is committed", async () => {
  const page = await openPage();
  const parts: string[] = [];
  page.on("request", (request) => {
    const headers = request.headers();
    const isPart = request.method() === "PUT" && request.url().includes("/parts/");
    if (isPart) parts.push(headers["part-digest"] ?? headers["content-digest"] ?? "none");
  });
  await page.setInputFiles("input[type=file]", source);
  const file = await untilDone(page);
  expect(await servedDifference(url, new URL(file).pathname, CONTENT)).toBeUndefined();
  const seen = await seenBy(page);
  const progress = seen.filter(({ name }) => name === "progress").map(({ value }) => value);
  expect(progress.at(-1)?.committed).toBe(CONTENT.size);
  const told = seen.filter(({ name }) => name === "part").map(({ value }) => value.index);
  expect(told.toSorted((a = 0, b = 0) => a - b)).toEqual(Array.from({ length: 21 }, (_, at) => at));
  expect(parts.length).toBeGreaterThan(0);
  expect(parts.every((digest) => digest.startsWith("sha-256="))).toBe(true);
  // The page itself did none of the work.
  expect(page.workers().length).toBe(1);
  await page.close();
}, 180_000);
