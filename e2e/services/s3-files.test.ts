// Uploads in a store that end, in every way that there is, and files there that are read: one right outcome each, and nothing left that nobody wants.
import { hash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MIB } from "@holdfast/protocol";
import { numberOf, startCli } from "@holdfast/testkit/process";
import { afterEach, describe, expect, it } from "vitest";
import { inStores } from "../kit/in-stores.ts";
import { sendSigned, signParts } from "../kit/signed.ts";
import { bytesOf, firstDifference, writeContent } from "../kit/source.ts";
import { completion, startDownload, startUpload, uploaded } from "../kit/upload.ts";
import {
  ask,
  codeOf,
  completeJob,
  createJob,
  fieldsOf,
  type Job,
  putRun,
  type Reply,
  servedDifference,
  statusOf,
  viewOf,
} from "../kit/wire.ts";

const here = inStores("files");
let seed = 0;

const SIZE = 16 * MIB + 4097;

async function begin(): Promise<Job> {
  return createJob(here.url(), { seed: ++seed, size: SIZE });
}

async function whole(): Promise<Job> {
  const job = await begin();
  expect((await putRun(here.url(), job, [0, 3])).status).toBe(200);
  return job;
}

async function published(): Promise<{ readonly job: Job; readonly path: string }> {
  const job = await whole();
  const path = viewOf(await completeJob(here.url(), job.id)).file?.url ?? "";
  return { job, path };
}

const get = (path: string, headers: Readonly<Record<string, string>> = {}) =>
  ask(here.url(), { method: "GET", path, headers });

async function filesOf(): Promise<readonly unknown[]> {
  const files = fieldsOf(await get("/v1/files?limit=1000")).get("files");
  return Array.isArray(files) ? files : [];
}

const end = (path: string): Promise<Reply> => ask(here.url(), { method: "DELETE", path });

async function removeFiles(): Promise<void> {
  for (const file of await filesOf()) {
    if (typeof file === "object" && file && "url" in file) await end(String(file.url));
  }
}

const LONG = { timeout: 180_000 };

const NOTHING = { objects: ["holdfast.json"], unfinished: 0, parts: 0 };

here.describe(() => {
  afterEach(async () => {
    await removeFiles();
    // Whatever a test did, nothing of it is left.
    expect(await here.store().look("files")).toEqual(NOTHING);
  });
  describe("an upload", () => {
    it("whose complete nobody heard the answer of is one file", async () => {
      const job = await whole();
      const lost = new AbortController();
      const path = new URL(`/v1/uploads/${job.id}/complete`, here.url());
      const asking = fetch(path, { method: "POST", signal: lost.signal }).catch(() => undefined);
      await sleep(5);
      lost.abort();
      await asking;
      const [again, more] = [
        await completeJob(here.url(), job.id),
        await completeJob(here.url(), job.id),
      ];
      expect([again.status, more.status]).toEqual([200, 200]);
      const url = viewOf(again).file?.url;
      expect(viewOf(more).file?.url).toBe(url);
      expect(await filesOf()).toHaveLength(1);
      expect(await servedDifference(here.url(), url ?? "", job.content)).toBeUndefined();
      expect((await here.store().look("files")).unfinished).toBe(0);
    });

    it("that five complete at once is one file", async () => {
      const job = await whole();
      const replies = await Promise.all([1, 2, 3, 4, 5].map(() => completeJob(here.url(), job.id)));
      expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
      expect(new Set(replies.map((reply) => viewOf(reply).file?.url)).size).toBe(1);
      expect(await filesOf()).toHaveLength(1);
      const { objects, unfinished } = await here.store().look("files");
      expect([objects.filter((key) => key.startsWith("bytes/")).length, unfinished]).toEqual([
        1, 0,
      ]);
    });

    it("that is aborted while its parts are on their way leaves nothing, whichever way they go", async () => {
      const job = await begin();
      const signed = await signParts(here.url(), job, [1, 2]);
      const through = putRun(here.url(), job, [0, 1]);
      const straight = Promise.all(signed.map((part) => sendSigned(part)));
      await sleep(20);
      expect((await end(`/v1/uploads/${job.id}`)).status).toBe(204);
      const { status } = await through;
      expect([200, 410]).toContain(status);
      for (const answer of await straight) expect([0, 200, 404]).toContain(answer);
      expect((await get(`/v1/uploads/${job.id}`)).status).toBe(200);
      expect((await statusOf(here.url(), job.id)).state).toBe("aborted");
      expect((await completeJob(here.url(), job.id)).status).toBe(410);
      // What was on its way when it ended is gone as well, and what comes later does not get in.
      for (const part of signed) expect(await sendSigned(part)).toBe(404);
    });

    it(
      "that is completed and aborted at once is a file or is not, and never both",
      LONG,
      async () => {
        for (let round = 0; round < 5; round++) {
          const job = await whole();
          const [done, gone] = await Promise.all([
            completeJob(here.url(), job.id),
            sleep(round).then(() => end(`/v1/uploads/${job.id}`)),
          ]);
          const isFile = done.status === 200;
          expect([done.status, gone.status]).toEqual(isFile ? [200, 409] : [410, 204]);
          expect((await statusOf(here.url(), job.id)).state).toBe(isFile ? "complete" : "aborted");
          expect(await filesOf()).toHaveLength(isFile ? 1 : 0);
          await removeFiles();
        }
      },
    );

    it("takes no part any more once it is a file, from whoever kept an address", async () => {
      const job = await begin();
      const signed = await signParts(here.url(), job, [0, 1, 2]);
      expect((await putRun(here.url(), job, [0, 3])).status).toBe(200);
      const path = viewOf(await completeJob(here.url(), job.id)).file?.url ?? "";
      for (const part of signed) expect(await sendSigned(part)).toBeGreaterThanOrEqual(400);
      expect((await here.store().look("files")).unfinished).toBe(0);
      expect(await servedDifference(here.url(), path, job.content)).toBeUndefined();
    });

    it("that lacks a part is not touched by complete", async () => {
      const job = await begin();
      expect((await putRun(here.url(), job, [1, 3])).status).toBe(200);
      const reply = await completeJob(here.url(), job.id);
      expect([reply.status, codeOf(reply)]).toEqual([409, "parts_missing"]);
      expect(fieldsOf(reply).get("missing")).toEqual([[0, 1]]);
      expect((await putRun(here.url(), job, [0, 1])).status).toBe(200);
      expect((await completeJob(here.url(), job.id)).status).toBe(200);
    });

    it("is appended to, and has its offset after that", async () => {
      const job = await begin();
      const path = `/v1/uploads/${job.id}`;
      const append = (from: number, to: number, isLast: boolean) =>
        ask(here.url(), {
          method: "PATCH",
          path,
          headers: {
            "content-type": "application/partial-upload",
            "upload-offset": `${from}`,
            "upload-complete": isLast ? "?1" : "?0",
          },
          body: bytesOf(job.content, from, to),
        });
      expect((await append(0, 9 * MIB, false)).status).toBe(204);
      expect((await statusOf(here.url(), job.id)).offset).toBe(9 * MIB);
      expect((await append(9 * MIB, SIZE, true)).status).toBeLessThan(300);
      const url = (await statusOf(here.url(), job.id)).file?.url ?? "";
      expect(await servedDifference(here.url(), url, job.content)).toBeUndefined();
    });
  });

  describe("a file", () => {
    it("is read in ranges, across borders of parts, and only where it is the one that was meant", async () => {
      const { job, path } = await published();
      const { headers } = await ask(here.url(), { method: "HEAD", path });
      const etag = headers.etag ?? "";
      for (const [from, to] of [
        [0, 0],
        [8 * MIB - 3, 8 * MIB + 2],
        [SIZE - 1, SIZE - 1],
        [5, 16 * MIB],
      ] as const) {
        const range = { range: `bytes=${from}-${to}` };
        const answer = await fetch(new URL(path, here.url()), { headers: range });
        expect(answer.status).toBe(206);
        expect(answer.headers.get("content-range")).toBe(`bytes ${from}-${to}/${SIZE}`);
        const bytes = Buffer.from(await answer.arrayBuffer());
        expect(bytes.equals(bytesOf(job.content, from, to + 1))).toBe(true);
      }
      const last = await get(path, { range: "bytes=-10" });
      expect([last.status, last.headers["content-length"]]).toEqual([206, "10"]);
      expect((await get(path, { range: `bytes=${SIZE}-` })).status).toBe(416);
      const some = { range: "bytes=0-9" };
      expect((await get(path, { ...some, "if-range": etag })).status).toBe(206);
      expect((await get(path, { ...some, "if-range": '"other"' })).status).toBe(200);
      expect((await get(path, { "if-match": '"other"' })).status).toBe(412);
      expect((await get(path, { "if-none-match": etag })).status).toBe(304);
    });

    it("has a manifest that goes with it, and proofs of its parts", async () => {
      const { path } = await published();
      const manifest = fieldsOf(await get(`${path}/manifest`));
      expect([manifest.get("size"), manifest.get("partSize")]).toEqual([SIZE, 8 * MIB]);
      expect((await get(`${path}/manifest?proof=2`)).status).toBe(200);
      expect((await get(`${path}/manifest?proof=3`)).status).toBeGreaterThanOrEqual(400);
    });

    it("is deleted with its bytes", async () => {
      const { path } = await published();
      const { objects } = await here.store().look("files");
      expect(objects.filter((key) => key.startsWith("bytes/"))).toHaveLength(1);
      expect((await end(path)).status).toBe(204);
      expect((await get(path)).status).toBe(404);
      expect(await here.store().look("files")).toEqual(NOTHING);
    });

    it("of every awkward size goes up and comes back by the command line", LONG, async () => {
      const state = join(here.directory(), `state-${++seed}`);
      for (const size of [0, 1, 100_000, 300_000, 8 * MIB, 8 * MIB + 1]) {
        const content = { seed: ++seed, size };
        const [source, copy] = [
          join(here.directory(), `source-${seed}`),
          join(here.directory(), `copy-${seed}`),
        ];
        await writeContent(source, content);
        const { url } = await uploaded(startUpload(source, here.url(), state));
        await completion(startDownload(url, copy, state));
        expect((await stat(copy)).size).toBe(size);
        expect(await firstDifference(copy, content)).toBeUndefined();
      }
    });

    it("is gone on with after its download was killed", LONG, async () => {
      const { job, path } = await published();
      const url = here.url() + path;
      const state = join(here.directory(), `state-${++seed}`);
      const copy = join(here.directory(), `copy-${seed}`);
      const env = { HOLDFAST_STATE_DIR: state };
      const slow = ["download", url, "-o", copy, "--json", "--limit-rate", "4M"];
      const first = startCli(slow, { env });
      const has = ({ name, fields }: (typeof first.events)[number]) =>
        name === "progress" && Number(fields.get("committed")) > 0;
      await expect.poll(() => first.events.some(has), { timeout: 60_000 }).toBe(true);
      first.kill("SIGKILL");
      await first.exit;
      const done = await completion(startDownload(url, copy, state));
      expect(numberOf(done, "size")).toBe(SIZE);
      expect(numberOf(done, "bytesSent")).toBeLessThan(SIZE);
      expect(await firstDifference(copy, job.content)).toBeUndefined();
    });
  });

  it("a file whose whole SHA-256 was asked for is read once more, and says it", async () => {
    const content = { seed: ++seed, size: 9 * MIB };
    const source = join(here.directory(), `source-${seed}`);
    await writeContent(source, content);
    const state = join(here.directory(), `state-${seed}`);
    const sha256 = hash("sha256", bytesOf(content, 0, content.size), "hex");
    const { url } = await uploaded(startUpload(source, here.url(), state, ["--sha256", sha256]));
    const { headers } = await ask(here.url(), { method: "HEAD", path: new URL(url).pathname });
    expect(headers["repr-digest"]).toMatch(/^sha-256=:/);
  });
});
