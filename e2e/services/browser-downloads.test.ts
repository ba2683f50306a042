// Downloads by our own client in a real browser: whole and right, gone on with after whatever ended them, never mixed, never more than there is room for.
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeRange, MIB } from "@holdfast/protocol";
import { type RunningServer, serve } from "@holdfast/server";
import { startRelay } from "@holdfast/testkit/relay";
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
/** Nothing here is about how quick it is. */
const LONG = { timeout: 60_000 };

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

const unfinished = (page: Page) => page.evaluate<readonly object[]>("client.unfinishedDownloads()");

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

test("downloads a file of no bytes, to where it was wanted too, and finds again what is there", async () => {
  const [empty, small] = [await store(0), await store(70_001)];
  const page = await openPage();
  await begin(page, empty.url);
  expect(await outcome(page)).toMatchObject({ size: 0, digest: empty.digest });
  await begin(page, empty.url, { into: "empty.bin" });
  expect(await outcome(page, 2)).toMatchObject({ size: 0 });
  await begin(page, small.url);
  expect(await outcome(page, 3)).toMatchObject({ digest: small.digest });
  // Kept, and asked for again: it is there, to be read only.
  await begin(page, small.url);
  expect(await outcome(page, 4)).toMatchObject({ digest: small.digest, resumed: 70_001 });
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
  const [one] = await unfinished(page);
  expect(one).toMatchObject({ url: stored.url, size: SIZE });
  await goOn(page, stored, had);
  expect(await unfinished(page)).toEqual([]);
}, 180_000);

test("forgets what is not whole, and all there was of it", async () => {
  const { url } = await store();
  const page = await openPage();
  await beginSome(page, url);
  await page.evaluate("downloads[0].abort()");
  expect(await outcome(page)).toMatchObject({ code: "aborted" });
  expect(await unfinished(page)).toEqual([]);
  await beginSome(page, url);
  await page.reload();
  const before = await page.evaluate<readonly string[]>("window.keptNames()");
  await page.evaluate(
    "client.unfinishedDownloads().then((all) => Promise.all(all.map(client.forgetDownload)))",
  );
  expect(await unfinished(page)).toEqual([]);
  expect(await page.evaluate("window.keptNames()")).toHaveLength(before.length - 1);
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

test("leaves a file alone that another page still has, until that one lets go too", async () => {
  const { url, digest } = await store();
  const [first, second] = [await openPage(), await openPage()];
  await begin(first, url);
  expect(await outcome(first)).toMatchObject({ digest });
  const before = await first.evaluate<readonly string[]>("window.keptNames()");
  const again = () => first.evaluate<string>("window.readAgain()");
  for (const [at, options] of [{}, { resume: false }, { into: "copy.bin" }].entries()) {
    await begin(second, url, options);
    expect(await outcome(second, at + 1)).toMatchObject({ size: SIZE });
    expect(await again()).toBe(digest);
    if (!("into" in options)) await second.evaluate("window.result.forget()");
    expect(await again()).toBe(digest);
  }
  await first.evaluate("window.result.forget()");
  expect(await first.evaluate("window.keptNames()")).toHaveLength(before.length - 1);
}, 180_000);

test("holds a file again that its page still has when that was left, kept by the browser and shown again", async () => {
  const { url, digest } = await store(PART);
  const [page, other] = [await openPage(), await openPage()];
  await begin(page, url);
  expect(await outcome(page)).toMatchObject({ digest });
  const holders = () =>
    other.evaluate<number>(
      "navigator.locks.query().then(({ held }) => held.filter(({ name }) => name.startsWith('holdfast.kept ')).length)",
    );
  expect(await holders()).toBe(1);
  await page.evaluate(() => {
    addEventListener("pageshow", ({ persisted }) => {
      localStorage.setItem("shown", persisted ? "again" : "anew");
    });
    setTimeout(() => location.assign("/fetcher?elsewhere"));
  });
  await page.waitForURL("**/fetcher?elsewhere");
  await expect.poll(holders, LONG).toBe(0);
  await page.evaluate("void setTimeout(() => history.back())");
  const shown = () => other.evaluate("localStorage.getItem('shown')");
  await expect.poll(shown, LONG).toBe("again");
  await expect.poll(holders, LONG).toBe(1);
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

test("leaves what is in a folder under that name, and takes its place where it is told to", async () => {
  const { url, digest } = await store(PART + 5);
  const page = await openPage();
  const there = { folder: "yes", name: "theirs.txt" };
  const write = `(async () => {
    const folder = await navigator.storage.getDirectory();
    const writer = await (await folder.getFileHandle("theirs.txt", { create: true })).createWritable();
    await writer.write("theirs");
    await writer.close();
  })()`;
  await page.evaluate(write);
  await begin(page, url, there);
  expect(await outcome(page)).toMatchObject({ code: "sink_exists" });
  expect(await page.evaluate("window.digestOf('theirs.txt')")).toBe(
    digestOf(Buffer.from("theirs")),
  );
  await begin(page, url, { ...there, replace: true });
  expect(await outcome(page, 2)).toMatchObject({ name: "theirs.txt" });
  expect(await page.evaluate("window.digestOf('theirs.txt')")).toBe(digest);
  // The same once more finds it there.
  await begin(page, url, there);
  expect(await outcome(page, 3)).toMatchObject({ name: "theirs.txt", resumed: PART + 5 });
}, 180_000);

test("says that there is no room before it fetches anything, and fetches it once there is", async () => {
  const { url, digest } = await store();
  const page = await openPage();
  const session = await browser.context.newCDPSession(page);
  const allow = (quotaSize?: number) =>
    session.send("Storage.overrideQuotaForOrigin", {
      origin: pages.origin,
      ...(quotaSize === undefined ? {} : { quotaSize }),
    });
  const usage = await page.evaluate<number>("navigator.storage.estimate().then((it) => it.usage)");
  await allow(usage + 10 * MIB);
  await begin(page, url);
  expect(await outcome(page)).toMatchObject({ code: "sink_full" });
  // What is asked for beside the manifest is all there was.
  expect(tap.ranges.reduce((sum, { start, end }) => sum + end - start, 0)).toBeLessThan(2 * MIB);

  await allow();
  await begin(page, url);
  expect(await outcome(page, 2)).toMatchObject({ digest });
}, 180_000);

test("begins again, and says so, where the browser has thrown away what there was", async () => {
  const { url, digest } = await store();
  const page = await openPage();
  const before = Date.now();
  await beginSome(page, url);
  await page.evaluate("window.downloads[0].pause()");
  const latest = () => page.evaluate<number>("window.latestJournal()");
  await expect.poll(latest, { timeout: 60_000 }).toBeGreaterThan(before);
  await page.reload();
  await page.evaluate("window.throwAway()");
  tap.open();
  await begin(page, url);
  expect(await outcome(page)).toMatchObject({ digest });
  expect(await seenBy(page, "warning")).toMatchObject([{ code: "checkpoint_damaged" }]);
}, 180_000);

test("says where browsers keep no files for a page, which a plain link does not need", async () => {
  const { url, digest } = await store(PART);
  const page = await openPage(atLan(pages.origin));
  expect(await page.evaluate("isSecureContext")).toBe(false);
  await begin(page, url);
  expect(await outcome(page)).toMatchObject({ code: "sink_unsupported" });
  const link = `document.body.insertAdjacentHTML("beforeend", '<a href="${url}">the file</a>')`;
  await page.evaluate(link);
  const [saved] = await Promise.all([page.waitForEvent("download"), page.click("a")]);
  expect(digestOf(await readFile(await saved.path()))).toBe(digest);
}, 180_000);

/** Any server that lets pages ask for ranges, and tells one version from the next. */
async function serveAny(versions: readonly Buffer[], afterRanges: number): Promise<string> {
  let ranges = 0;
  const relay = await startRelay((request, response) => {
    const allowed = { "access-control-allow-origin": "*" };
    if (request.method === "OPTIONS") {
      response.writeHead(204, { ...allowed, "access-control-allow-headers": "range, if-range" });
      response.end();
      return;
    }
    const at = ranges++ < afterRanges ? 0 : versions.length - 1;
    const bytes = versions[at] ?? Buffer.alloc(0);
    const range = decodeRange(request.headers.range, bytes.length);
    if (typeof range === "string") throw new Error("a range was expected");
    const { start, end } = range;
    response.writeHead(206, {
      ...allowed,
      "access-control-expose-headers": "etag, content-range",
      etag: `"version ${at}"`.replace(" ", "-"),
      "content-range": `bytes ${start}-${end - 1}/${bytes.length}`,
      "content-length": end - start,
    });
    response.end(bytes.subarray(start, end));
  });
  stops.push(relay.close);
  return `${relay.url}/film.bin`;
}

test("fetches from any server by ranges of one version, and never mixes two", async () => {
  const [one, other] = [601, 602].map((seed) => bytesOf({ seed, size: SIZE }, 0, SIZE));
  if (!one || !other) throw new Error("there are two");
  const page = await openPage();
  await begin(page, await serveAny([one], 0));
  expect(await outcome(page)).toMatchObject({ name: "film.bin", digest: digestOf(one) });
  const changing = await serveAny([one, other], 3);
  await begin(page, changing);
  expect(await outcome(page, 2)).toMatchObject({ code: "precondition_failed" });
  await begin(page, changing);
  expect(await outcome(page, 3)).toMatchObject({ digest: digestOf(other) });
}, 180_000);
