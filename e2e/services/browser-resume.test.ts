// What survives in a real browser: reloads, tabs that crash, browsers that are killed. Nothing that is committed is sent again.
import { appendFile, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { type Command, startCli, textOf } from "@holdfast/testkit/process";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { indexesOf } from "../../packages/client/src/sample.ts";
import { chooseFile } from "../kit/choose-file.ts";
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
  tap.lead(url);
  tap.open();
  for (const page of browser.context.pages().slice(1)) await page.close();
});

interface Chosen {
  readonly path: string;
  readonly content: Content;
}

/** No run has more than 16 MiB, however well the line is known: the first one leaves something to send. */
const SIZE: number = 20 * MIB + 18;

/** A file that no other test has. */
async function writeSource(name: string, size: number = SIZE): Promise<Chosen> {
  lastSeed++;
  const content = { seed: lastSeed, size };
  const path = join(directory, name);
  await writeFile(path, bytesOf(content, 0, size));
  return { path, content };
}

/** `more` is how the page goes about it. */
async function openPage(
  more: Readonly<Record<string, string>> = {},
  { context }: KillableChromium = browser,
): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${pages.origin}/survive?${new URLSearchParams({ to: tap.url, ...more })}`);
  return page;
}

const choose = (page: Page, { path }: Chosen, { context }: KillableChromium = browser) =>
  chooseFile(context, page, path);

/** A tab that is not in front paints nothing: it is looked at by the clock, in milliseconds. */
const HOWEVER_HIDDEN = { polling: 50 };

interface Seen {
  readonly name: string;
  readonly value: { readonly id?: string; readonly isResumed?: boolean; readonly code?: string };
}

/** What the page was told by an event, once there is one. */
async function told(page: Page, name: string): Promise<Seen["value"]> {
  const found = await page.waitForFunction(
    `window.seen.find((one) => one.name === ${JSON.stringify(name)})?.value`,
    undefined,
    HOWEVER_HIDDEN,
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
  await page.waitForFunction(`window.ended.length >= ${count}`, undefined, HOWEVER_HIDDEN);
  return page.evaluate<readonly Ended[]>("window.ended");
}

async function expectFile(page: Page, { content }: Chosen): Promise<void> {
  const [ended] = await outcomes(page);
  expect(ended?.code).toBeUndefined();
  expect(await servedDifference(url, new URL(ended?.url ?? "").pathname, content)).toBeUndefined();
}

/** Chooses the file and lets some of it be committed; resolves with the indexes of those parts. */
async function begin(page: Page, chosen: Chosen): Promise<ReadonlySet<number>> {
  const passed = tap.only(1);
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

/** Removes, or writes to, what stands for the person's disk. */
async function touchKept(page: Page, change: "remove" | "write"): Promise<void> {
  await page.evaluate(async (what) => {
    const folder = await navigator.storage.getDirectory();
    if (what === "remove") return folder.removeEntry("lost.bin");
    const handle = await folder.getFileHandle("lost.bin");
    const writer = await handle.createWritable({ keepExistingData: true });
    await writer.write("other");
    await writer.close();
  }, change);
}

test("says that a kept file was changed, or is gone, and that one that is not kept has to be chosen", async () => {
  const chosen = await writeSource("lost.bin");
  const page = await openPage(PICK);
  await begin(page, chosen);
  await page.reload();
  await touchKept(page, "write");
  expect(await page.evaluate("window.resume()")).toBe("source_changed");
  await touchKept(page, "remove");
  expect(await page.evaluate("window.resume()")).toBe("source_gone");
  await page.evaluate("window.client.unfinished().then(([one]) => window.client.forget(one))");
  expect(await page.evaluate("window.client.unfinished()")).toEqual([]);

  const plain = await writeSource("plain.bin");
  const other = await openPage();
  const committed = await begin(other, plain);
  await other.close();
  const again = await openPage({ resume: "yes" });
  expect(await again.evaluate("window.resume()")).toBe("source_denied");
  const wrong = await writeSource("wrong.bin");
  await choose(again, wrong);
  expect(await outcomes(again)).toEqual([{ said: "source_changed" }]);
  await again.reload();
  await goOn(again, plain, committed);
}, 180_000);

test("asks for a file again that was changed, or is gone, in the middle, while others go on", async () => {
  const [changed, gone, good] = [
    await writeSource("changing.bin"),
    await writeSource("going.bin"),
    await writeSource("good.bin"),
  ];
  // A browser has six connections to a server: runs that are kept back must leave one to the next file.
  const page = await openPage({ options: JSON.stringify({ inFlight: 1 }) });
  for (const [index, one] of [changed, gone, good].entries()) {
    const passed = tap.only(1);
    await choose(page, one);
    await passed;
    // Else the next one would be let through in the place of another file's first.
    await tap.keeps(index + 1);
  }
  await appendFile(changed.path, "more");
  await rm(gone.path);
  tap.open();
  const ended = await outcomes(page, 3);
  const by = (name: string) => ended.find(({ file }) => file === name);
  expect(by("changing.bin")).toMatchObject({ code: "source_unreadable" });
  expect(by("going.bin")).toMatchObject({ code: "source_gone" });
  for (const name of ["changing.bin", "going.bin"]) expect(by(name)?.message).toContain(name);
  const file = new URL(by("good.bin")?.url ?? "").pathname;
  expect(await servedDifference(url, file, good.content)).toBeUndefined();
}, 180_000);

test("has one tab at a file that two were given; the other goes on when that is closed", async () => {
  const chosen = await writeSource("twice.bin");
  const first = await openPage();
  const committed = await begin(first, chosen);
  const second = await openPage();
  const before = tap.sent.length;
  await choose(second, chosen);
  expect(await told(second, "warning")).toMatchObject({ code: "transfer_busy" });
  expect(tap.sent.length).toBe(before);
  tap.open();
  await first.close();
  await expectFile(second, chosen);
  expect(tap.sent.slice(before).filter((index) => committed.has(index))).toEqual([]);
}, 180_000);

test("waits while nothing gets through, and goes on when it does", async () => {
  const chosen = await writeSource("offline.bin");
  const page = await openPage();
  await begin(page, chosen);
  // Nobody listens at the discard port; what the tap meets there, the browser meets as a line that breaks.
  tap.lead("http://127.0.0.1:9");
  tap.open();
  const waited = `window.seen.filter(({ name }) => name === "retry").length > 2`;
  await page.waitForFunction(waited, undefined, HOWEVER_HIDDEN);
  expect(await told(page, "retry")).toMatchObject({ code: "connection_failed" });
  expect(await page.evaluate("window.ended.length")).toBe(0);
  tap.lead(url);
  await expectFile(page, chosen);
}, 180_000);

test("takes files of every name, empty ones and equal ones, and refuses what no disk could keep by itself", async () => {
  const names = [
    "漢字 עברית ไทย",
    "👩‍👩‍👧‍👦🎬",
    "half \ud83d pair",
    "same",
    "same",
    "empty",
    "x".repeat(300),
  ];
  const page = await openPage();
  await page.evaluate((list) => {
    for (const [at, name] of list.entries()) {
      const text = name === "empty" ? "" : `content ${at}`;
      Reflect.get(window, "upload")(new File([text], name, { lastModified: 1 }));
    }
  }, names);
  const ended = await outcomes(page, names.length);
  const refused = ended.filter(({ code }) => code !== undefined);
  expect(refused).toMatchObject([{ file: "x".repeat(300), code: "invalid_request" }]);
  expect(refused[0]?.message).toContain("at most 255 bytes");
  const addresses = ended.map((one) => one.url).filter((one) => one !== undefined);
  expect(new Set(addresses).size).toBe(names.length - 1);
}, 180_000);

test("uploads where the browser has no room for a checkpoint, and says so", async () => {
  const chosen = await writeSource("full.bin");
  // A browser goes by the room that it has found for some time: this one has never looked.
  const full = await startOnProfile(join(directory, "full"));
  stops.push(() => full.kill());
  const blank = await full.context.newPage();
  const session = await full.context.newCDPSession(blank);
  const { origin } = pages;
  await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1 });
  const page = await openPage({}, full);
  await choose(page, chosen, full);
  await expectFile(page, chosen);
  expect(await told(page, "warning")).toMatchObject({ code: "checkpoint_failed" });
}, 180_000);
