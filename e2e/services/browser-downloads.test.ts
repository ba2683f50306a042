// Downloads by our own client in a real browser: whole and right, gone on with after whatever ended them, never mixed, never more than there is room for.
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { type RunningServer, serve } from "@holdfast/server";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type KillableChromium, startOnProfile } from "../kit/killable-chromium.ts";
import { type Pages, servePages } from "../kit/pages.ts";
import { openRangeTap, type RangeTap } from "../kit/range-tap.ts";
import { bytesOf } from "../kit/source.ts";

const SIZE: number = 20 * MIB + 18;
const PART: number = MIB;
/** A name as machines of a network have it that no authority vouches for: what it serves is in no secure context. */
const LAN = "files.lan";

let directory = "";
let server: RunningServer;
let pages: Pages;
let browser: KillableChromium;
let tap: RangeTap;
let lastSeed = 500;
const stops: (() => Promise<unknown>)[] = [];

const start = () => startOnProfile(join(directory, "profile"), [LAN]);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-fetcher-"));
  stops.push(() => rm(directory, { recursive: true, force: true }));
  pages = await servePages(["fetcher"]);
  stops.push(pages.stop);
  const origins = [pages.origin, atLan(pages.origin)];
  const place = { dataDir: join(directory, "data"), port: 0, origins, log: () => undefined };
  server = await serve(place);
  stops.push(() => server.close());
  browser = await start();
  stops.push(() => browser.kill());
}, 300_000);
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});
beforeEach(async () => {
  tap = await openRangeTap(server.url, SIZE);
});
afterEach(async () => {
  await tap.close();
  for (const page of browser.context.pages().slice(1)) await page.close();
});

function atLan(origin: string): string {
  return origin.replace("127.0.0.1", LAN);
}

interface Stored {
  /** Of the file, through the tap. */
  readonly url: string;
  /** SHA-256 of the whole, in hexadecimal. */
  readonly digest: string;
}

/** A file that no other test has. */
async function store(size: number = SIZE): Promise<Stored> {
  lastSeed++;
  const bytes = bytesOf({ seed: lastSeed, size }, 0, size);
  const stored = await fetch(`${server.url}/v1/files`, {
    method: "POST",
    headers: { "content-disposition": 'attachment; filename="talk.bin"' },
    body: new Uint8Array(bytes),
  });
  expect(stored.status).toBe(201);
  const { pathname } = new URL(stored.headers.get("location") ?? "", server.url);
  return { url: tap.url + pathname, digest: digestOf(bytes) };
}

function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function openPage(origin: string = pages.origin): Promise<Page> {
  const page = await browser.context.newPage();
  await page.goto(`${origin}/fetcher`);
  await page.locator("body[data-state=ready]").waitFor({ state: "attached" });
  return page;
}

const begin = (page: Page, url: string, options: object = {}) =>
  page.evaluate(`window.fetch(${JSON.stringify(url)}, ${JSON.stringify(options)})`);

/** How the last one ended, once so many have. */
async function outcome(page: Page, ended = 1): Promise<object> {
  await page.locator(`body[data-ended="${ended}"]`).waitFor({ state: "attached" });
  return page.evaluate<object>("window.results.at(-1)");
}

/** What the page has been told of a kind. */
function seenBy<T>(page: Page, name: string): Promise<readonly T[]> {
  const which = `window.seen.filter((one) => one.name === ${JSON.stringify(name)})`;
  return page.evaluate<readonly T[]>(`${which}.map(({ value }) => value)`);
}

/** Begins, and lets some of it come; resolves with the parts that the page knows to be there. */
async function beginSome(page: Page, url: string, options: object = {}): Promise<Set<number>> {
  const passed = tap.only(2);
  await begin(page, url, options);
  await passed;
  const isKnown = "window.seen.some(({ name }) => name === 'part')";
  await page.waitForFunction(isKnown, undefined, { polling: 50 });
  const parts = await seenBy<{ readonly index: number }>(page, "part");
  return new Set(parts.map(({ index }) => index));
}

/** Parts that are asked for from now on. */
function watchParts(): () => ReadonlySet<number> {
  const before = tap.ranges.length;
  return () => {
    const parts = new Set<number>();
    for (const { start, end } of tap.ranges.slice(before))
      for (let at = Math.ceil(start / PART); at * PART < end; at++) parts.add(at);
    return parts;
  };
}

/** Goes on in a page that knows nothing of it: what was there is not fetched again. */
async function goOn(page: Page, { url, digest }: Stored, had: ReadonlySet<number>): Promise<void> {
  expect(had.size).toBeGreaterThan(0);
  const asked = watchParts();
  tap.open();
  await begin(page, url);
  expect(await outcome(page)).toMatchObject({ size: SIZE, digest });
  expect([...asked()].filter((index) => had.has(index))).toEqual([]);
}

test("downloads a file whole, part by part, and lets the page save it under its name", async () => {
  const { url, digest } = await store();
  const page = await openPage();
  await begin(page, url);
  expect(await outcome(page)).toMatchObject({ name: "talk.bin", size: SIZE, digest });
  const progress = await seenBy<{ readonly committed: number }>(page, "progress");
  expect(progress.at(-1)).toMatchObject({ committed: SIZE });
  expect((await seenBy(page, "part")).length).toBe(21);
  expect(tap.ranges.every(({ start, end }) => end - start < SIZE)).toBe(true);
  // The page itself did none of the work.
  expect(page.workers().length).toBeGreaterThan(0);

  const [saved] = await Promise.all([
    page.waitForEvent("download"),
    page.evaluate("window.result.save()"),
  ]);
  expect(saved.suggestedFilename()).toBe("talk.bin");
  expect(digestOf(await readFile(await saved.path()))).toBe(digest);

  expect(await page.evaluate("window.keptNames()")).toHaveLength(1);
  await page.evaluate("window.result.forget()");
  expect(await page.evaluate("window.keptNames()")).toEqual([]);
}, 180_000);

test("finds a part that was spoiled on its way, and fetches it again", async () => {
  const { url, digest } = await store();
  const page = await openPage();
  tap.spoil();
  await begin(page, url);
  expect(await outcome(page)).toMatchObject({ digest });
  expect(await seenBy(page, "retry")).toEqual(
    expect.arrayContaining([expect.objectContaining({ code: "download_corrupt" })]),
  );
}, 180_000);

test("goes on after a reload in the middle", async () => {
  const stored = await store();
  const page = await openPage();
  const had = await beginSome(page, stored.url);
  await page.reload();
  await goOn(page, stored, had);
}, 180_000);

test("goes on after the browser was killed, by what its profile keeps", async () => {
  const stored = await store();
  const had = await beginSome(await openPage(), stored.url);
  await browser.kill();
  browser = await start();
  await goOn(await openPage(), stored, had);
}, 180_000);

test("one tab is at a file at a time; another one goes on with it when that is closed", async () => {
  const stored = await store();
  const first = await openPage();
  const had = await beginSome(first, stored.url);
  const second = await openPage();
  const asked = watchParts();
  await begin(second, stored.url);
  const isBusy = "window.seen.some(({ value }) => value.code === 'transfer_busy')";
  await second.waitForFunction(isBusy, undefined, { polling: 50 });
  tap.open();
  await first.close();
  expect(await outcome(second)).toMatchObject({ digest: stored.digest });
  expect([...asked()].filter((index) => had.has(index))).toEqual([]);
}, 180_000);

test("copies what is whole to the file that was chosen, and keeps nothing of it", async () => {
  const { url, digest } = await store();
  const page = await openPage();
  const before = await page.evaluate<number>("window.keptNames().then(({ length }) => length)");
  const had = await beginSome(page, url, { into: "chosen.bin" });
  expect(had.size).toBeGreaterThan(0);
  // Nothing is seen of it before it is whole.
  expect(await page.evaluate("window.digestOf('chosen.bin')")).toBe(digestOf(new Uint8Array()));
  tap.open();
  expect(await outcome(page)).toEqual(expect.not.objectContaining({ digest: expect.anything() }));
  expect(await page.evaluate("window.digestOf('chosen.bin')")).toBe(digest);
  expect(await page.evaluate("window.keptNames()")).toHaveLength(before);
}, 180_000);
