// The example that transcodes while a film is uploaded: it has pictures before the second half is sent, the film is whole in the end, and half a film is none.
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type RunningServer, serve } from "@holdfast/server";
import { ffmpegProgram } from "@holdfast/testkit/services/install";
import { afterAll, beforeAll, expect, it } from "vitest";
import { transcode } from "../../examples/transcode-while-uploading/transcode.ts";

const run = promisify(execFile);
const SECONDS = 16;
const FRAMES = SECONDS * 25;

let directory: string;
let server: RunningServer;
let film: Uint8Array;

beforeAll(async () => {
  await ffmpegProgram();
  directory = await mkdtemp(join(tmpdir(), "holdfast-transcode-"));
  server = await serve({ dataDir: join(directory, "data"), port: 0, log: () => undefined });
  const path = join(directory, "film.webm");
  const source = ["-f", "lavfi", "-i", `testsrc=size=320x240:rate=25:duration=${SECONDS}`];
  const codec = ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "500k"];
  await run("ffmpeg", ["-loglevel", "error", ...source, ...codec, path]);
  film = await readFile(path);
}, 300_000);
afterAll(async () => {
  await server?.close();
  await rm(directory, { recursive: true, force: true });
});

async function begin(): Promise<string> {
  const response = await fetch(`${server.url}/v1/uploads`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "film.webm", type: "video/webm", maxSize: 2 ** 30 }),
  });
  expect(response.status).toBe(201);
  return `${server.url}${response.headers.get("location")}`;
}

async function append(upload: string, start: number, end: number): Promise<void> {
  const response = await fetch(upload, {
    method: "PATCH",
    headers: {
      "content-type": "application/partial-upload",
      "upload-offset": String(start),
      "upload-complete": end === film.length ? "?1" : "?0",
    },
    body: film.slice(start, end),
  });
  expect(response.ok).toBe(true);
}

/** A transcoding that has shown its first pictures, of an upload that has three quarters of its bytes. */
async function halfWay(out: string) {
  const upload = await begin();
  const seen = Promise.withResolvers<void>();
  const over = transcode({
    content: `${upload}/content`,
    out,
    onFrames: (frames) => frames > 0 && seen.resolve(),
  });
  over.catch(seen.reject);
  const sent = Math.floor(film.length * 0.75);
  await append(upload, 0, sent);
  await seen.promise;
  return { upload, over, sent };
}

async function framesOf(path: string): Promise<number> {
  const what = ["-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"];
  const { stdout } = await run("ffprobe", ["-loglevel", "error", ...what, path]);
  return Number(stdout.trim());
}

it("has pictures while the rest is still to come, and every picture in the end", async () => {
  const out = join(directory, "whole.mp4");
  const { upload, over, sent } = await halfWay(out);
  await append(upload, sent, film.length);
  await over;
  expect(await framesOf(out)).toBe(FRAMES);
}, 120_000);

it("leaves nothing of an upload that is aborted", async () => {
  const out = join(directory, "half.mp4");
  const { upload, over } = await halfWay(out);
  const failed = expect(over).rejects.toThrow();
  expect((await fetch(upload, { method: "DELETE" })).status).toBe(204);
  await failed;
  const left = (await readdir(directory)).filter((name) => name.startsWith("half"));
  expect(left).toEqual([]);
}, 120_000);
