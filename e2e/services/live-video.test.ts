// A film that is still being uploaded plays in a plain <video>: it moves before the rest is sent, and comes to its end.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type RunningServer, serve } from "@holdfast/server";
import { ffmpegProgram } from "@holdfast/testkit/services/install";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startChromium } from "../kit/chromium.ts";

const SECONDS = 16;

const FORMS = {
  "video/webm": ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-f", "webm"],
  "video/mp4": [
    ...["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"],
    ...["-movflags", "+frag_keyframe+empty_moov+default_base_moof", "-g", "25", "-f", "mp4"],
  ],
} as const;

let directory: string;
let server: RunningServer;
let browser: Browser;

beforeAll(async () => {
  await ffmpegProgram();
  directory = await mkdtemp(join(tmpdir(), "holdfast-video-"));
  server = await serve({ dataDir: join(directory, "data"), port: 0, log: () => undefined });
  browser = await startChromium();
}, 300_000);
afterAll(async () => {
  await browser?.close();
  await server?.close();
  await rm(directory, { recursive: true, force: true });
});

async function filmOf(type: keyof typeof FORMS): Promise<Uint8Array> {
  const path = join(directory, type.replace("/", "."));
  const source = ["-f", "lavfi", "-i", `testsrc=size=320x240:rate=25:duration=${SECONDS}`];
  await promisify(execFile)("ffmpeg", [
    "-y",
    "-loglevel",
    "error",
    ...source,
    ...FORMS[type],
    path,
  ]);
  return readFile(path);
}

interface Uploading {
  readonly path: string;
  send(end: number): Promise<void>;
}

async function begin(film: Uint8Array, type: string, sized: boolean): Promise<Uploading> {
  const size = sized ? { size: film.length } : { maxSize: 2 ** 30 };
  const response = await fetch(`${server.url}/v1/uploads`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "film", type, ...size }),
  });
  const path = response.headers.get("location") ?? "";
  let sent = 0;
  async function send(end: number): Promise<void> {
    const answer = await fetch(`${server.url}${path}`, {
      method: "PATCH",
      headers: {
        "content-type": "application/partial-upload",
        "upload-offset": String(sent),
        "upload-complete": end === film.length ? "?1" : "?0",
      },
      body: film.slice(sent, end),
    });
    expect(answer.ok).toBe(true);
    sent = end;
  }
  return { path, send };
}

it.each([
  ["video/webm", "of unknown size", false],
  ["video/webm", "of known size", true],
  ["video/mp4", "in fragments, of unknown size", false],
] as const)(
  "%s %s",
  async (type, _, sized) => {
    const film = await filmOf(type);
    const { path, send } = await begin(film, type, sized);
    const context = await browser.newContext();
    const page = await context.newPage();
    const video = `<!doctype html><video muted autoplay src="${path}/content?follow=1"></video>`;
    await page.route("**/film-page", (route) =>
      route.fulfill({ contentType: "text/html", body: video }),
    );
    await send(Math.floor(film.length * 0.6));
    await page.goto(`${server.url}/film-page`);
    const at = () => page.evaluate("document.querySelector('video').currentTime");
    await expect.poll(at, { timeout: 60_000 }).toBeGreaterThan(1);
    await page.evaluate("document.querySelector('video').playbackRate = 8");
    await send(film.length);
    const isOver = () => page.evaluate("document.querySelector('video').ended");
    await expect.poll(isOver, { timeout: 60_000 }).toBe(true);
    expect(await at()).toBeGreaterThan(SECONDS - 1);
    expect(await page.evaluate("document.querySelector('video').error")).toBeNull();
    await context.close();
  },
  150_000,
);
