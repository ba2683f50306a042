// What bad parts get: a code, nothing lost, nothing wrong kept, the server alive (faults C12, C13, C14, N03, N05).
import { once } from "node:events";
import { countParts, encodeDigest, hasPart, MIB, missingRanges } from "@holdfast/protocol";
import { startProxy } from "@holdfast/testkit/proxy";
import { describe, expect, it } from "vitest";
import { serveForTests } from "./kit/served.ts";
import { openBody, sendRaw } from "./kit/slow-body.ts";
import { digestsOf, sha256 } from "./kit/source.ts";
import {
  type Ask,
  ask,
  codeOf,
  completeJob,
  createJob,
  fieldsOf,
  type Job,
  putRun,
  type Reply,
  runOf,
  servedDifference,
  statusOf,
  viewOf,
} from "./kit/wire.ts";

const { url, server } = serveForTests();
const CONTENT = { seed: 81, size: 4 * MIB + 100 };
const OTHER = { seed: 82, size: CONTENT.size };

function newJob(): Promise<Job> {
  return createJob(url(), CONTENT);
}

async function committedOf(job: Job): Promise<number[]> {
  const { committed } = await statusOf(url(), job.id);
  return [0, 1, 2, 3, 4].filter((index) => hasPart(committed, index));
}

function verdict(reply: Reply): readonly unknown[] {
  return [reply.status, reply.status < 300 ? "" : codeOf(reply)];
}

async function finish(job: Job): Promise<void> {
  for (const range of missingRanges((await statusOf(url(), job.id)).committed)) {
    expect(verdict(await putRun(url(), job, range))).toEqual([200, ""]);
  }
  const done = await completeJob(url(), job.id);
  expect(done.status).toBe(200);
  const path = viewOf(done).file?.url ?? "";
  expect(await servedDifference(url(), path, CONTENT)).toBeUndefined();
}

/** A good run of these parts, with something put in the place of what is right. */
function changed(job: Job, parts: readonly [number, number], change: Partial<Ask>): Ask {
  const good = runOf(job, parts);
  return { ...good, ...change, headers: change.headers ?? good.headers ?? {} };
}

const digestOf = (body: Uint8Array): string => encodeDigest("sha-256", sha256(body));

describe("a part that is not right", () => {
  const BODY = Buffer.alloc(MIB, 1);
  it.each<[string, (job: Job) => Ask, number, string]>([
    [
      "has another digest than its bytes",
      (job) => changed(job, [0, 1], { headers: { "content-digest": digestOf(Buffer.alloc(3)) } }),
      422,
      "digest_mismatch",
    ],
    [
      "is too long",
      (job) => {
        const body = Buffer.concat([BODY, Buffer.alloc(1)]);
        return changed(job, [0, 1], { body, headers: { "content-digest": digestOf(body) } });
      },
      400,
      "body_size_mismatch",
    ],
    [
      "is too short",
      (job) => changed(job, [0, 1], { body: BODY.subarray(1) }),
      400,
      "body_size_mismatch",
    ],
    ["is empty", (job) => changed(job, [0, 1], { body: "" }), 400, "body_size_mismatch"],
    [
      "lies outside the grid",
      (job) => changed(job, [0, 1], { path: `/v1/uploads/${job.id}/parts/5` }),
      400,
      "part_out_of_range",
    ],
    [
      "belongs to a run across the end",
      (job) => ({
        ...runOf(job, [3, 5]),
        path: `/v1/uploads/${job.id}/parts/3-5`,
        headers: {
          "part-digest": `sha-256=(${[1, 2, 3].map(() => digestOf(BODY).slice(8)).join(" ")})`,
        },
      }),
      400,
      "part_out_of_range",
    ],
    ["has no digest", (job) => changed(job, [0, 1], { headers: {} }), 400, "invalid_digest"],
    [
      "has a digest that is none",
      (job) => changed(job, [0, 1], { headers: { "content-digest": "sha-256=:!!:" } }),
      400,
      "invalid_digest",
    ],
    [
      "has one digest for two parts",
      (job) => changed(job, [0, 2], { headers: { "content-digest": digestOf(BODY) } }),
      400,
      "invalid_digest",
    ],
    [
      "is named by a malformed path",
      (job) => changed(job, [0, 1], { path: `/v1/uploads/${job.id}/parts/-1` }),
      400,
      "invalid_request",
    ],
    [
      "is one of too many",
      (job) => changed(job, [0, 1], { path: `/v1/uploads/${job.id}/parts/0-64` }),
      400,
      "run_too_long",
    ],
  ])("gets a code when it %s", async (_, make, status, code) => {
    const job = await newJob();
    expect(verdict(await putRun(url(), job, [2, 3]))).toEqual([200, ""]);
    expect(verdict(await ask(url(), make(job)))).toEqual([status, code]);
    expect(await committedOf(job)).toEqual([2]);
    await finish(job);
  });

  it("ends its run, and the parts before it stay", async () => {
    const job = await newJob();
    const good = runOf(job, [0, 4]);
    const body = Buffer.from(good.body ?? "");
    body[2 * MIB + 5] = (body[2 * MIB + 5] ?? 0) ^ 1;
    const reply = await ask(url(), { ...good, body });
    expect(verdict(reply)).toEqual([422, "digest_mismatch"]);
    expect(fieldsOf(reply).get("index")).toBe(2);
    expect(await committedOf(job)).toEqual([0, 1]);
    await finish(job);
  });
});

describe("parts in disorder", () => {
  it("takes them in any order", async () => {
    const job = await newJob();
    for (const at of [4, 1, 3, 0, 2]) {
      expect(verdict(await putRun(url(), job, [at, at + 1]))).toEqual([200, ""]);
    }
    await finish(job);
  });

  it("stores a part once that comes twice at once", async () => {
    const job = await newJob();
    const replies = await Promise.all([1, 2, 3, 4].map(() => putRun(url(), job, [1, 3])));
    // Who finds another request at work is told to come back; nobody is told a lie.
    for (const reply of replies) {
      expect([
        [200, ""],
        [409, "part_busy"],
      ]).toContainEqual(verdict(reply));
    }
    expect(replies.map(({ status }) => status)).toContain(200);
    expect(await committedOf(job)).toEqual([1, 2]);
    expect(verdict(await putRun(url(), job, [1, 3]))).toEqual([200, ""]);
    await finish(job);
  });

  it("refuses the same part with another digest and keeps the first", async () => {
    const job = await newJob();
    expect((await putRun(url(), job, [1, 2])).status).toBe(200);
    const reply = await putRun(url(), { ...job, content: OTHER }, [1, 2]);
    expect(verdict(reply)).toEqual([409, "part_conflict"]);
    await finish(job);
  });

  it("keeps an answer that got lost", async () => {
    const job = await newJob();
    const proxy = await startProxy({
      targetPort: server().port,
      fate: () => ({ kind: "lose-answer", afterBytes: MIB }),
    });
    await expect(putRun(proxy.url, job, [0, 1])).rejects.toThrow();
    await proxy.close();
    expect(await committedOf(job)).toEqual([0]);
    expect(verdict(await putRun(url(), job, [0, 1]))).toEqual([200, ""]);
    await finish(job);
  });
});

describe("complete", () => {
  it("names what is missing when it comes too early", async () => {
    const job = await newJob();
    await putRun(url(), job, [1, 3]);
    const reply = await completeJob(url(), job.id);
    expect(verdict(reply)).toEqual([409, "parts_missing"]);
    expect(fieldsOf(reply).get("missing")).toEqual([
      [0, 1],
      [3, 5],
    ]);
    await finish(job);
  });

  it("refuses a wrong root and a wrong size, and the upload is still open", async () => {
    const job = await newJob();
    await putRun(url(), job, [0, 5]);
    const wrongRoot = await completeJob(url(), job.id, { root: "00".repeat(32) });
    expect(verdict(wrongRoot)).toEqual([409, "root_mismatch"]);
    const wrongSize = await completeJob(url(), job.id, { size: CONTENT.size - 1 });
    expect(verdict(wrongSize)).toEqual([409, "size_mismatch"]);
    expect((await statusOf(url(), job.id)).state).toBe("open");
    await finish(job);
  });

  it("may be repeated, alone and at once, and no part comes after it", async () => {
    const job = await newJob();
    await putRun(url(), job, [0, 5]);
    const replies = await Promise.all([1, 2, 3].map(() => completeJob(url(), job.id)));
    const urls = replies.map((reply) => viewOf(reply).file?.url);
    expect(new Set(urls).size).toBe(1);
    expect(viewOf(await completeJob(url(), job.id)).file?.url).toBe(urls[0]);
    const late = await putRun(url(), { ...job, content: OTHER }, [0, 1]);
    expect(late.status).toBe(409);
    expect(await servedDifference(url(), urls[0] ?? "", CONTENT)).toBeUndefined();
  });

  it("gives the root that the part digests have", async () => {
    const { computeRoot, encodeHex } = await import("@holdfast/protocol");
    const job = await newJob();
    await putRun(url(), job, [0, 5]);
    const digests = digestsOf(CONTENT, job.grid);
    const root = encodeHex(computeRoot(sha256, { ...job.grid, algorithm: "sha-256", digests }));
    const done = viewOf(await completeJob(url(), job.id, { root }));
    expect(done.file && encodeHex(done.file.root)).toBe(root);
  });
});

describe("connections that misbehave", () => {
  it("keeps the whole parts of a body that stops", async () => {
    const job = await newJob();
    const socket = await openBody(server().port, runOf(job, [0, 4]), 2.5 * MIB);
    while (countParts((await statusOf(url(), job.id)).committed) < 2) {
      await once(socket, "data", { signal: AbortSignal.timeout(20) }).catch(() => undefined);
    }
    socket.resetAndDestroy();
    expect(await committedOf(job)).toEqual([0, 1]);
    await takeOver(job);
  });

  it("lets another request take the part of a body that never comes", async () => {
    const job = await newJob();
    const socket = await openBody(server().port, runOf(job, [0, 4]), 0);
    await takeOver(job);
    socket.destroy();
  });

  it.each([
    ["no HTTP at all", "\u0000\u0001\u0002 hello\r\n\r\n", /^HTTP\/1\.1 400 /],
    [
      "a header without a colon",
      "GET /livez HTTP/1.1\r\nhost: x\r\nbroken\r\n\r\n",
      /^HTTP\/1\.1 400 /,
    ],
    [
      "two lengths",
      "POST /v1/uploads HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
      /^HTTP\/1\.1 400 /,
    ],
    [
      "a negative length",
      "POST /v1/uploads HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
      /^HTTP\/1\.1 400 /,
    ],
    [
      "headers of 80 KiB",
      `GET /livez HTTP/1.1\r\nhost: x\r\nx-long: ${"a".repeat(80 * 1024)}\r\n\r\n`,
      /^HTTP\/1\.1 431 /,
    ],
  ])("answers %s", async (_, text, answer) => {
    const said = await sendRaw(server().port, text);
    expect(said).toMatch(answer);
    expect(said).toMatch(/application\/problem\+json/);
  });
});

/** Somebody else may write a region once its writer has been silent for two seconds; until then the answer says to wait. */
async function takeOver(job: Job): Promise<void> {
  const deadline = performance.now() + 10_000;
  let reply = await putRun(url(), job, [0, 4]);
  while (reply.status === 409 && performance.now() < deadline) {
    expect(codeOf(reply)).toBe("part_busy");
    expect(reply.headers["retry-after"]).toBeDefined();
    await new Promise((resolve) => setTimeout(resolve, 500));
    reply = await putRun(url(), job, [0, 4]);
  }
  expect(verdict(reply)).toEqual([200, ""]);
  await finish(job);
}
