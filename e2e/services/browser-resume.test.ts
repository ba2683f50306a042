// What survives in a real browser: reloads, tabs that crash, browsers that are killed. Nothing that is committed is sent again.
import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { type Command, startCli, textOf } from "@holdfast/testkit/process";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { indexesOf } from "../../packages/client/src/sample.ts";
import { type KillableChromium, startOnProfile } from "../kit/killable-chromium.ts";
import { type Pages, servePages } from "../kit/pages.ts";
import { openPartTap, type PartTap } from "../kit/part-tap.ts";
import { bytesOf, type Content } from "../kit/source.ts";
import { servedDifference, statusOf } from "../kit/wire.ts";

let directory = "";
let url = "";
let server: Command;
let pages: Pages;
let browser: KillableChromium;
let tap: PartTap;
let lastSeed = 100;
const stops: (() => Promise<unknown>)[] = [];

async function startServer(port: string): Promise<void> {
  const place = ["--data", join(directory, "data"), "--port", port, "--json"];
  server = startCli(["serve", ...place, "--origins", pages.origin]);
  url = textOf(await server.event("listening"), "url").replace(/\/$/, "");
}

async function killServer(): Promise<void> {
  server.kill("SIGKILL");
  await server.exit;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-browser-"));
  stops.push(() => rm(directory, { recursive: true, force: true }));
  pages = await servePages(["survive", "checkpoints"]);
  stops.push(pages.stop);
  await startServer("0");
  stops.push(killServer);
  tap = await openPartTap(url);
  stops.push(tap.close);
  browser = await startOnProfile(join(directory, "profile"));
  stops.push(() => browser.kill());
}, 300_000);
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});
afterEach(async () => {
  tap.open();
  for (const page of browser.context.pages().slice(1)) await page.close();
});

interface Chosen {
  readonly path: string;
  readonly content: Content;
}

/** A file that no other test has. */
async function writeSource(name: string, size: number = 5 * MIB + 18): Promise<Chosen> {
  lastSeed++;
  const content = { seed: lastSeed, size };
  const path = join(directory, name);
  await writeFile(path, bytesOf(content, 0, size));
  return { path, content };
}

/** `more` is how the page goes about it. */
async function openPage(more: Readonly<Record<string, string>> = {}): Promise<Page> {
  const page = await browser.context.newPage();
  await page.goto(`${pages.origin}/survive?${new URLSearchParams({ to: tap.url, ...more })}`);
  return page;
}

/** As a person does it: the page gets the file itself, not a copy of its bytes. */
async function choose(page: Page, { path }: Chosen): Promise<void> {
  const session = await browser.context.newCDPSession(page);
  const expression = "document.querySelector('input[type=file]')";
  const { result } = await session.send("Runtime.evaluate", { expression });
  const { objectId = "" } = result;
  await session.send("DOM.setFileInputFiles", { files: [path], objectId });
  await session.detach();
}

interface Seen {
  readonly name: string;
  readonly value: { readonly id?: string; readonly isResumed?: boolean; readonly code?: string };
}

/** What the page was told by an event, once there is one. */
async function told(page: Page, name: string): Promise<Seen["value"]> {
  const found = await page.waitForFunction(
    `window.seen.find((one) => one.name === ${JSON.stringify(name)})?.value`,
  );
  return (await found.jsonValue()) as Seen["value"];
}

interface Ended {
  readonly file: string;
  readonly url?: string;
  readonly code?: string;
  readonly message?: string;
}

/** How each of so many ended, once they have. */
async function outcomes(page: Page, count = 1): Promise<readonly Ended[]> {
  await page.waitForFunction(`window.ended.length >= ${count}`);
  return page.evaluate<readonly Ended[]>("window.ended");
}

async function expectFile(page: Page, { content }: Chosen): Promise<void> {
  const [ended] = await outcomes(page);
  expect(ended?.code).toBeUndefined();
  expect(await servedDifference(url, new URL(ended?.url ?? "").pathname, content)).toBeUndefined();
}

/** Chooses the file and lets some of it be committed; resolves with the indexes of those parts. */
async function begin(page: Page, chosen: Chosen, runs = 2): Promise<ReadonlySet<number>> {
  const passed = tap.only(runs);
  await choose(page, chosen);
  await passed;
  const { id = "" } = await told(page, "created");
  const { committed } = await statusOf(url, id);
  const indexes = new Set(indexesOf(committed));
  expect(indexes.size).toBeGreaterThan(0);
  return indexes;
}

/** The same file again in a page that knows nothing of it: it goes on, and sends only what was not committed. */
async function goOn(page: Page, chosen: Chosen, committed: ReadonlySet<number>): Promise<void> {
  const before = tap.sent.length;
  tap.open();
  await choose(page, chosen);
  await expectFile(page, chosen);
  expect(await told(page, "created")).toMatchObject({ isResumed: true });
  const again = tap.sent.slice(before).filter((index) => committed.has(index));
  expect(again).toEqual([]);
}

test("checkpoints keep to every clause in a real browser, flushed", async () => {
  const page = await browser.context.newPage();
  await page.goto(`${pages.origin}/checkpoints`);
  await page.locator("body[data-state=done]").waitFor({ state: "attached" });
  const { failures, clauses, durabilities } = await page.evaluate<{
    readonly failures: readonly string[];
    readonly clauses: number;
    readonly durabilities: readonly string[];
  }>("window.report");
  expect(failures).toEqual([]);
  expect(clauses).toBeGreaterThan(5);
  expect(durabilities).toEqual(["strict"]);
}, 180_000);

test("goes on after a reload in the middle", async () => {
  const chosen = await writeSource("reloaded.bin");
  const page = await openPage();
  const committed = await begin(page, chosen);
  await page.reload();
  await goOn(page, chosen, committed);
}, 180_000);

test("goes on in another tab after its own was closed in the middle", async () => {
  const chosen = await writeSource("closed.bin");
  const page = await openPage();
  const committed = await begin(page, chosen);
  await page.close();
  await goOn(await openPage(), chosen, committed);
}, 180_000);

test("goes on after its tab has crashed", async () => {
  const chosen = await writeSource("crashed.bin");
  const page = await openPage();
  const committed = await begin(page, chosen);
  const crashed = page.waitForEvent("crash");
  const session = await browser.context.newCDPSession(page);
  void session.send("Page.crash").catch(() => "there is nobody left to answer");
  await crashed;
  await page.close();
  await goOn(await openPage(), chosen, committed);
}, 180_000);

test("goes on after the browser was killed, by what its profile keeps", async () => {
  const chosen = await writeSource("killed.bin");
  const committed = await begin(await openPage(), chosen);
  await browser.kill();
  browser = await startOnProfile(join(directory, "profile"));
  await goOn(await openPage(), chosen, committed);
}, 180_000);

test("sends nothing of a file that is there already, also after a reload", async () => {
  const chosen = await writeSource("finished.bin");
  const page = await openPage();
  await choose(page, chosen);
  await expectFile(page, chosen);
  await page.reload();
  const before = tap.sent.length;
  await choose(page, chosen);
  await expectFile(page, chosen);
  expect(tap.sent.length).toBe(before);
}, 180_000);

test("begins anew where a file of the same name, size and time has other bytes", async () => {
  const chosen = await writeSource("same.bin");
  const at = new Date(1_760_000_000_000);
  await utimes(chosen.path, at, at);
  const page = await openPage();
  await begin(page, chosen);
  await page.reload();
  const other = await writeSource("same.bin");
  await utimes(other.path, at, at);
  tap.open();
  await choose(page, other);
  await expectFile(page, other);
  expect(await told(page, "warning")).toMatchObject({ code: "source_changed" });
}, 180_000);

test("goes on after its server was killed in the middle, without being asked", async () => {
  const chosen = await writeSource("server.bin");
  const page = await openPage();
  const passed = tap.only(1);
  await choose(page, chosen);
  await passed;
  tap.open();
  await killServer();
  expect(await told(page, "retry")).toMatchObject({ code: "connection_failed" });
  await startServer("0");
  tap.lead(url);
  await expectFile(page, chosen);
}, 180_000);

const PICK = { kept: "yes" };

test("goes on after a reload by what the browser keeps of the file, without its being chosen again", async () => {
  const chosen = await writeSource("kept.bin");
  const page = await openPage(PICK);
  const committed = await begin(page, chosen);
  await page.reload();
  const found = await page.evaluate<readonly object[]>("window.client.unfinished()");
  expect(found.at(-1)).toMatchObject({ path: "kept.bin", size: chosen.content.size, to: tap.url });
  const before = tap.sent.length;
  tap.open();
  expect(await page.evaluate("window.resume()")).toBe("resumed");
  await expectFile(page, chosen);
  expect(tap.sent.slice(before).filter((index) => committed.has(index))).toEqual([]);
  // What is complete is nothing to go on with, and the file is nobody's business any more.
  expect(await page.evaluate("window.client.unfinished()")).toEqual([]);
}, 180_000);
