// A folder of many files dropped on a page of ours: every one must be on the server once, as it is on the disk.
import { mkdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openBrowserPlace } from "./browser-place.ts";
import { startChromium } from "./chromium.ts";
import { type Dropped, dropOn, openDropPage } from "./drop-files.ts";
import { ask, fieldsOf } from "./wire.ts";

export interface DropReport {
  readonly files: number;
  readonly seconds: number;
  /** Of those that the page says have failed. */
  readonly failures: readonly Dropped[];
  /** Files that the server lists. */
  readonly listed: number;
  /** Paths whose file is not there, or is not what lies on the disk. */
  readonly wrong: readonly string[];
  /** Of the page's own thread, in milliseconds; depends on what else the machine does. */
  readonly longestTaskMs: number;
}

/** In each folder names, sizes and times of change are the same; only the bytes differ. */
const FOLDERS = 10;
const AT = new Date(1_760_000_000_000);
/** Files whose bytes are compared; of the others, that each is one of its own. */
const LOOKED_AT = 50;

export async function dropMany(files: number): Promise<DropReport> {
  const place = await openBrowserPlace(["drop"]);
  try {
    const root = join(place.directory, "many");
    const texts = await writeTree(root, files);
    const browser = await startChromium();
    place.keep(() => browser.close());
    const page = await openDropPage(browser, place);
    const begin = performance.now();
    const ended = await dropOn(page, root);
    const seconds = (performance.now() - begin) / 1000;
    const longestTaskMs = await page.evaluate<number>("window.longest");
    const ids = new Map(ended.map(({ path, id }) => [path, id]));
    const wrong = [...texts.keys()].filter((path) => ids.get(path) === undefined);
    const step = Math.ceil(files / LOOKED_AT);
    for (const [path, text] of [...texts].filter((_, at) => at % step === 0)) {
      const reply = await ask(place.url, { method: "GET", path: `/v1/files/${ids.get(path)}` });
      if (reply.text !== text) wrong.push(path);
    }
    const failures = ended.filter(({ code }) => code !== undefined);
    const listed = (await listAll(place.url)).size;
    return { files: ended.length, seconds, failures, listed, wrong, longestTaskMs };
  } finally {
    await place.close();
  }
}

/** The text of each file, by its path from where the folder lies. */
async function writeTree(root: string, files: number): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  for (let folder = 0; folder < FOLDERS; folder++) {
    await mkdir(join(root, `${folder}`), { recursive: true });
    for (let at = 0; at < files / FOLDERS; at++) {
      const path = join(root, `${folder}`, `${at}.txt`);
      const text = `${folder} ${String(at).padStart(6, "0")}\n`;
      await writeFile(path, text);
      await utimes(path, AT, AT);
      texts.set(`many/${folder}/${at}.txt`, text);
    }
  }
  return texts;
}

async function listAll(url: string): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  for (let path = "/v1/files?limit=1000"; path !== ""; ) {
    const page = fieldsOf(await ask(url, { method: "GET", path }));
    const [files, next] = [page.get("files"), page.get("next")];
    for (const { id } of Array.isArray(files) ? files : []) ids.add(String(id));
    path = typeof next === "string" ? `/v1/files?limit=1000&after=${encodeURIComponent(next)}` : "";
  }
  return ids;
}
