// Appends and whole files through the engine into a store that speaks S3 and misbehaves as real ones do: how many requests they cost, and what they leave.
import { type Clock, createEngine, type Engine } from "@holdfast/engine";
import { MIB, type UploadView } from "@holdfast/protocol";
import { bigBytes } from "@holdfast/testkit/big-bytes";
import { createBody } from "@holdfast/testkit/body";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { type S3Double, startS3Double } from "@holdfast/testkit/s3-double/server";
import {
  alice,
  appendBytes,
  createRequest,
  memoryParts,
  putParts,
  readAll,
  sha256,
} from "@holdfast/testkit/world";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { systemClock, systemRandom } from "../../platform.ts";
import { createAwsCalls, createS3Storage } from "./index.ts";

const PART = 8 * MIB;
const content = bigBytes("s3/append", 2 * PART + 100_001);

let double: S3Double;
let calls: ReturnType<typeof createAwsCalls>;

beforeAll(async () => {
  double = await startS3Double();
  const { endpoint, bucketName: bucket, credentials } = double;
  calls = createAwsCalls({ bucket, region: "us-east-1", endpoint, credentials, idleMs: 2_000 });
});

afterEach(() => {
  double.clearFaults();
  double.bucket.objects.clear();
  double.bucket.multiparts.clear();
});

afterAll(async () => {
  calls.close();
  await double.close();
});

function makeWorld() {
  const platform = { clock: systemClock, random: systemRandom };
  const storage = createS3Storage({ calls, ...platform, prefix: "ours/" });
  let metadata = createMemoryMetadata();
  let lives = 0;
  // Its clock stands still, so that no machine is too slow for a part to gather.
  const begin = (clock: Clock = createVirtualClock()): Engine => {
    metadata = createMemoryMetadata({ state: metadata.snapshot() });
    const random = createRandom(`s3/append/${lives++}`);
    return createEngine(memoryParts({ storage, metadata, random, clock }));
  };
  return { begin };
}

function create(engine: Engine): Promise<UploadView> {
  const { size: _, partSize: __, ...request } = createRequest(0);
  return engine.create(alice, { ...request, maxSize: 10 * PART });
}

/** Requests since the last time that somebody asked. */
function createCounter() {
  let before = new Map(double.counts);
  return () => {
    const since = new Map<string, number>();
    for (const [name, count] of double.counts) since.set(name, count - (before.get(name) ?? 0));
    before = new Map(double.counts);
    return since;
  };
}

async function expectFile(engine: Engine, { id }: UploadView): Promise<void> {
  const done = await engine.status(alice, id);
  expect(sha256(await readAll(engine, done))).toEqual(sha256(content));
  const beside = [...double.bucket.objects.keys()].filter((key) => key.includes("/besides/"));
  expect(beside).toEqual([expect.stringMatching(`^ours/besides/${id}/manifest/`)]);
  expect(double.bucket.multiparts.size).toBe(0);
}

describe("an upload by appends", () => {
  it("in one body costs a request a part, and no object but the file and its manifest", async () => {
    const engine = makeWorld().begin();
    const view = await create(engine);
    const count = createCounter();
    await appendBytes(engine, view, 0, content, { isLast: true });
    const counted = count();
    expect([counted.get("part"), counted.get("put")]).toEqual([3, 1]);
    expect((counted.get("get") ?? 0) + (counted.get("delete") ?? 0)).toBe(0);
    await expectFile(engine, view);
  });

  it("goes on in another process, anywhere", async () => {
    const world = makeWorld();
    let engine = world.begin();
    const view = await create(engine);
    const cuts = [0, 1, 3 * MIB, PART, PART + 5, 2 * PART + 77, content.length];
    for (const [step, at] of cuts.slice(0, -1).entries()) {
      const bytes = content.subarray(at, cuts[step + 1]);
      const isLast = step === cuts.length - 2;
      await appendBytes(engine, view, at, bytes, { isLast });
      engine = world.begin();
    }
    await expectFile(engine, view);
  });

  it("is one commit or none where its body has a digest", async () => {
    const engine = makeWorld().begin();
    const view = await create(engine);
    const digest = sha256(content);
    const spoilt = content.slice();
    spoilt[PART] = (spoilt[PART] ?? 0) ^ 1;
    await expect(appendBytes(engine, view, 0, spoilt, { digest })).rejects.toMatchObject({
      code: "digest_mismatch",
    });
    expect(double.bucket.objects.size).toBe(0);
    await appendBytes(engine, view, 0, content, { digest, isLast: true });
    await expectFile(engine, view);
  });

  it.each([
    ["part", { kind: "lose-answer" }],
    ["part", { kind: "lose-request" }],
    ["part", { kind: "flip" }],
    ["part", { kind: "refuse", status: 503, code: "SlowDown" }],
    ["put", { kind: "lose-answer" }],
    ["put", { kind: "refuse", status: 503, code: "SlowDown" }],
    ["get", { kind: "lose-answer" }],
    ["delete", { kind: "lose-answer" }],
  ] as const)(
    "goes on where the store answers %s with %j",
    async (operation, fault) => {
      const world = makeWorld();
      const view = await create(world.begin());
      const first = world.begin();
      await appendBytes(first, view, 0, content.subarray(0, 1000));
      // What follows is built on what is read back.
      const engine = world.begin();
      double.fault({ operation, fault, times: 2 });
      for (let tries = 0; ; tries++) {
        const { offset } = await engine.offset(alice, view.id);
        expect(offset).toBeGreaterThanOrEqual(1000);
        const rest = content.subarray(offset);
        const met = await appendBytes(engine, view, offset, rest, { isLast: true }).then(
          () => undefined,
          (error: Error) => error,
        );
        if (!met) break;
        if (tries > 2) throw met;
      }
      await expectFile(engine, view);
    },
    60_000,
  );
});

it("an upload goes on at another place where a rule of the bucket has ended the one it had", async () => {
  const engine = makeWorld().begin(systemClock);
  const view = await create(engine);
  const known = { ...view, size: content.length };
  await putParts(engine, known, content, [0, 1]);
  double.bucket.multiparts.clear();
  await expect(putParts(engine, known, content, [1, 2])).rejects.toMatchObject({
    code: "storage_failed",
  });
  expect((await engine.status(alice, view.id)).offset).toBe(0);
  await appendBytes(engine, view, 0, content, { isLast: true });
  await expectFile(engine, view);
}, 60_000);

it("a whole file in one request is there, and nothing of one with another digest", async () => {
  const engine = makeWorld().begin();
  const bytes = content.subarray(0, 5000);
  const command = { name: "a", type: "a/b", bodySize: bytes.length };
  const wrong = { ...command, body: createBody(bytes), digest: sha256(content) };
  await expect(engine.storeFile(alice, wrong)).rejects.toMatchObject({ code: "digest_mismatch" });
  expect(double.bucket.objects.size + double.bucket.multiparts.size).toBe(0);
  const right = { ...command, body: createBody(bytes), digest: sha256(bytes) };
  const count = createCounter();
  const { id } = await engine.storeFile(alice, right);
  expect([...count().values()].reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(7);
  const pieces: Uint8Array[] = [];
  for await (const piece of engine.read(await engine.file(alice, id), { start: 0, end: 5000 })) {
    pieces.push(piece.slice());
  }
  expect(sha256(Buffer.concat(pieces))).toEqual(sha256(bytes));
});
