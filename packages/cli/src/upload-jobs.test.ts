// What type a file gets: the one that was given, else the one that its name tells, else none.
import type { Client } from "@holdfast/client/node";
import { expect, it } from "vitest";
import { fileJob } from "./upload-jobs.ts";

async function typeOf(path: string, told: { name?: string; type?: string }): Promise<unknown> {
  const seen: unknown[] = [];
  // Only what it is asked for counts: no transfer begins.
  const client: Pick<Client, "upload"> = {
    upload(_path, options) {
      seen.push(options.type);
      throw new Error("asked");
    },
  };
  const each = { to: "http://127.0.0.1:1" };
  const job = fileJob(
    client as Client,
    { path, size: 1 },
    { each, isMany: false, resume: true, ...told },
  );
  await expect(job.start(AbortSignal.abort())).rejects.toThrow("asked");
  return seen[0];
}

it.each([
  ["/a/talk.mp4", {}, "video/mp4"],
  ["/a/TALK.JPG", {}, "image/jpeg"],
  ["/a/data", {}, undefined],
  ["/a/data.unheard-of", {}, undefined],
  ["/a/data", { name: "photo.png" }, "image/png"],
  ["/a/talk.mp4", { type: "application/x-own" }, "application/x-own"],
])("%s with %j is %s", async (path, told, type) => {
  expect(await typeOf(path, told)).toBe(type);
});
