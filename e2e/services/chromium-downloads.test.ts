// What Chromium does by itself with our files: its downloader, cut and gone on with, and a seek in a film that is whole.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { MIB } from "@holdfast/protocol";
import { type RunningServer, serve } from "@holdfast/server";
import { ffmpegProgram } from "@holdfast/testkit/services/install";
import type { Browser, Download, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { startChromium } from "../kit/chromium.ts";
import { bytesOf } from "../kit/source.ts";
import { type Tap, tapTo } from "../kit/tap.ts";

const SIZE = 24 * MIB + 4321;
const content = bytesOf({ seed: 8, size: SIZE }, 0, SIZE);

let directory: string;
let server: RunningServer;
let browser: Browser;
let tap: Tap;
let page: Page;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-chromium-"));
  server = await serve({ dataDir: join(directory, "data"), port: 0, log: () => undefined });
  browser = await startChromium();
}, 300_000);
beforeEach(async () => {
  tap = await tapTo(Number(new URL(server.url).port));
  page = await browser.newPage();
});
afterEach(async () => {
  await page.close();
  await tap.close();
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
  await rm(directory, { recursive: true, force: true });
});

async function store(bytes: Uint8Array<ArrayBuffer>, type: string): Promise<string> {
  const stored = await fetch(`${server.url}/v1/files`, {
    method: "POST",
    headers: { "content-disposition": 'attachment; filename="big.bin"', "content-type": type },
    body: bytes,
  });
  expect(stored.status).toBe(201);
  return tap.url + new URL(stored.headers.get("location") ?? "", server.url).pathname;
}

/** Follows a link on a page of the same origin. */
async function download(url: string): Promise<Download> {
  await page.route("**/download-page", (route) =>
    route.fulfill({ contentType: "text/html", body: `<a href="${url}">the file</a>` }),
  );
  await page.goto(`${tap.url}/download-page`);
  const [begun] = await Promise.all([page.waitForEvent("download"), page.click("a")]);
  return begun;
}

const gets = () => tap.requests.filter(({ target }) => target.startsWith("GET /v1/files/"));

it("a link downloads the file under its name", async () => {
  const begun = await download(await store(new Uint8Array(content), "application/octet-stream"));
  expect(begun.suggestedFilename()).toBe("big.bin");
  expect((await readFile(await begun.path())).equals(content)).toBe(true);
  expect(await begun.failure()).toBeNull();
}, 120_000);

it("a download whose connection is closed in the middle goes on there, for the same content only", async () => {
  const url = await store(new Uint8Array(content), "application/octet-stream");
  tap.breakAfter(9 * MIB, "closed");
  const begun = await download(url);
  expect(await begun.failure()).toBeNull();
  expect((await readFile(await begun.path())).equals(content)).toBe(true);
  const [first, second] = gets();
  expect(first?.headers.has("range")).toBe(false);
  const [, start = "0"] = /^bytes=(\d+)-$/.exec(second?.headers.get("range") ?? "") ?? [];
  expect(Number(start)).toBeGreaterThan(MIB);
  const { headers } = await fetch(url, { method: "HEAD" });
  expect(second?.headers.get("if-range")).toBe(headers.get("etag"));
  expect(tap.down()).toBeLessThan(SIZE + 3 * MIB);
}, 120_000);

it("a download whose connection is reset has failed, and is whole where the link is followed again", async () => {
  const url = await store(new Uint8Array(content), "application/octet-stream");
  tap.breakAfter(9 * MIB, "reset");
  const broken = await download(url);
  // A person would press "resume"; without a screen nobody can.
  expect(await broken.failure()).not.toBeNull();
  const again = await download(url);
  expect(await again.failure()).toBeNull();
  expect((await readFile(await again.path())).equals(content)).toBe(true);
}, 120_000);

it("a seek in a whole film fetches what is there, and not what lies before it", async () => {
  await ffmpegProgram();
  const path = join(directory, "film.mp4");
  // Noise, so that there is much of it.
  const noise = ["-f", "lavfi", "-i", "color=gray:size=320x240:rate=25:duration=24"];
  const codec = ["-vf", "noise=alls=90:allf=t", "-c:v", "libx264", "-preset", "ultrafast"];
  const form = ["-crf", "5", "-pix_fmt", "yuv420p", "-g", "25", "-movflags", "+faststart"];
  await promisify(execFile)("ffmpeg", [
    "-y",
    "-loglevel",
    "error",
    ...noise,
    ...codec,
    ...form,
    path,
  ]);
  const film = new Uint8Array(await readFile(path));
  expect(film.length).toBeGreaterThan(48 * MIB);
  const url = await store(film, "video/mp4");
  await page.route("**/film-page", (route) =>
    route.fulfill({ contentType: "text/html", body: `<video muted src="${url}"></video>` }),
  );
  await page.goto(`${tap.url}/film-page`);
  const ask = (script: string) => page.evaluate(`document.querySelector("video").${script}`);
  await expect.poll(() => ask("readyState"), { timeout: 60_000 }).toBeGreaterThanOrEqual(2);
  await ask("currentTime = 21");
  await expect.poll(() => ask("seeking"), { timeout: 60_000 }).toBe(false);
  await expect.poll(() => ask("readyState"), { timeout: 60_000 }).toBeGreaterThanOrEqual(2);
  expect(await ask("error")).toBeNull();
  const starts = gets().map(({ headers }) =>
    Number(/^bytes=(\d+)-/.exec(headers.get("range") ?? "")?.[1] ?? -1),
  );
  expect(Math.max(...starts)).toBeGreaterThan(film.length * 0.75);
  expect(tap.down()).toBeLessThan(film.length * 0.6);
}, 180_000);
