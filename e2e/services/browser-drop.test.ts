// What is dropped on a page in a real browser: folders with very many files, names of every kind, files that are not there any more. Each ends by itself.
import { mkdir, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BrowserPlace, openBrowserPlace } from "../kit/browser-place.ts";
import { startChromium } from "../kit/chromium.ts";
import { type Dropped, dropFiles, dropOn, openDropPage } from "../kit/drop-files.ts";
import { dropMany } from "../kit/drop-many.ts";
import { ask } from "../kit/wire.ts";

let place: BrowserPlace;
let browser: Browser;

beforeAll(async () => {
  place = await openBrowserPlace(["drop"]);
  browser = await startChromium();
  place.keep(() => browser.close());
}, 300_000);
afterAll(() => place.close());

const openPage = (more: Readonly<Record<string, string>> = {}): Promise<Page> =>
  openDropPage(browser, place, more);

async function textOf(one: Dropped | undefined): Promise<string> {
  const reply = await ask(place.url, { method: "GET", path: `/v1/files/${one?.id}` });
  return reply.text;
}

/** A folder with a file for each of these names, which has its name for its content. */
async function folderOf(name: string, names: readonly string[]): Promise<string> {
  const path = join(place.directory, name);
  await mkdir(path);
  for (const one of names) await writeFile(join(path, one), one);
  return path;
}

test("a folder of many files arrives whole, also what has the same name, size and time in other folders", async () => {
  const files = 1_000;
  const report = await dropMany(files);
  expect(report.failures).toEqual([]);
  expect(report.wrong).toEqual([]);
  expect([report.files, report.listed]).toEqual([files, files]);
}, 300_000);

/** As no server of ours keeps them: they would be dangerous to whoever downloads them. */
const REFUSED = ["right\u202etxt.exe", "tab\there", "line\nbreak", "back\\slash"];

const NAMES = [
  ...["漢字.txt", "עברית.txt", "ไทย.txt", "Ελληνικά.txt", "हिन्दी.txt", "e\u0301.txt", "\u00e9.txt"],
  ...[
    "👩‍👩‍👧‍👦🎬.txt",
    "%2e%2e%2f",
    "CON",
    " .txt ",
    'quote".txt',
    "x".repeat(255),
    "漢".repeat(85),
  ],
];

test("names of every kind arrive with the folders that they lie in, but for those that are refused by a sentence each", async () => {
  const root = await folderOf("names", [...NAMES, ...REFUSED]);
  await mkdir(join(root, "empty"));
  await mkdir(join(root, "deep", "deeper"), { recursive: true });
  await writeFile(join(root, "deep", "deeper", "zero"), "");
  // A browser follows no link out of what was dropped, nor round and round in it.
  await symlink(root, join(root, "loop"));
  const single = join(place.directory, "single.txt");
  await writeFile(single, "single");
  const page = await openPage();
  const ended = await dropOn(page, root, single);
  const by = new Map(ended.map((one) => [one.path, one]));
  const wanted = [...NAMES, ...REFUSED, "deep/deeper/zero"].map((name) => `names/${name}`);
  expect([...by.keys()].toSorted()).toEqual([...wanted, "single.txt"].toSorted());
  for (const name of REFUSED) {
    expect(by.get(`names/${name}`)).toMatchObject({ code: "invalid_request" });
    expect(by.get(`names/${name}`)?.message).toMatch(/^name must have no /);
  }
  for (const name of NAMES) expect(await textOf(by.get(`names/${name}`))).toBe(name);
  expect(await textOf(by.get("names/deep/deeper/zero"))).toBe("");
  // By those, a file is found again after a reload; of names that it holds to be unsafe, the browser has none.
  expect(await page.evaluate("window.handles")).toBeGreaterThan(NAMES.length / 2);
  await page.close();
}, 180_000);

test("what is gone, or changed, before it is looked at is named or sent as it is, and the others follow", async () => {
  const root = await folderOf("early", ["changed", "good", "gone"]);
  await mkdir(join(root, "folder"));
  await writeFile(join(root, "folder", "inner"), "inner");
  const page = await openPage({ hold: "dropped" });
  const single = join(place.directory, "early.txt");
  await writeFile(single, "single");
  await page.locator("body[data-state=ready]").waitFor({ state: "attached" });
  await dropFiles(page, root, single);
  await page.locator("body[data-state=dropped]").waitFor({ state: "attached" });
  await writeFile(join(root, "changed"), "as it is now");
  await rm(join(root, "gone"));
  await rename(join(root, "folder"), join(place.directory, "moved"));
  await rm(single);
  await page.evaluate("window.goOn()");
  await page.locator("body[data-state=ended]").waitFor({ state: "attached" });
  const ended = await page.evaluate<readonly Dropped[]>("window.ended");
  const by = new Map(ended.map((one) => [one.path, one]));
  expect(await textOf(by.get("early/good"))).toBe("good");
  expect(await textOf(by.get("early/changed"))).toBe("as it is now");
  expect(by.get("early.txt")).toMatchObject({ code: "source_gone" });
  await page.close();
}, 180_000);

test.each([
  ["a handle tells what it was", {}, "source_changed"],
  ["there is no handle", { plain: "yes" }, "source_unreadable"],
])(
  "what is removed, emptied or replaced before its turn fails by itself, where %s",
  async (_, more, changed) => {
    const names = ["emptied", "good", "removed", "replaced"];
    const root = await folderOf(changed, names);
    const page = await openPage({ hold: "found", ...more });
    await page.locator("body[data-state=ready]").waitFor({ state: "attached" });
    // One after another: each is found, and then something happens to it.
    await dropFiles(page, ...names.map((name) => join(root, name)));
    for (const name of names) {
      await page.locator("body[data-state=found]").waitFor({ state: "attached" });
      const path = join(root, name);
      if (name === "emptied") await truncate(path, 0);
      if (name === "removed") await rm(path);
      if (name === "replaced") await writeFile(path, "something else");
      await page.evaluate("(document.body.dataset.state = 'sent', window.goOn())");
    }
    await page.locator("body[data-state=ended]").waitFor({ state: "attached" });
    const ended = await page.evaluate<readonly Dropped[]>("window.ended");
    const by = new Map(ended.map((one) => [one.path, one]));
    expect(await textOf(by.get("good"))).toBe("good");
    for (const [name, code] of [
      ["emptied", changed],
      ["removed", "source_gone"],
      ["replaced", changed],
    ] as const) {
      expect(by.get(name)).toMatchObject({ code });
      expect(by.get(name)?.message).toContain(name);
    }
    await page.close();
  },
  180_000,
);
