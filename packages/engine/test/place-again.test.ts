// A store that drops a place with all that is in it, as a rule of its bucket does after some days: what goes on, and what cannot.
import { createEngine } from "@holdfast/engine";
import { HoldfastError, isHoldfastError, KIB } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryParts } from "@holdfast/testkit/storage/parts";
import {
  alice,
  appendBytes,
  createRequest,
  memoryParts,
  partDigests,
  putParts,
  readAll,
  sha256,
} from "@holdfast/testkit/world";
import { expect, it } from "vitest";

const PART = 256 * KIB;
const content = createRandom("again").bytes(2 * PART + 1000);

async function begin() {
  const clock = createVirtualClock();
  const storage = createMemoryParts({ clock });
  const engine = createEngine(memoryParts({ clock, storage, metadata: createMemoryMetadata() }));
  const view = await engine.create(alice, createRequest(content.length));

  /** How something ends while time passes. */
  async function code(work: Promise<unknown>): Promise<string> {
    const ended = work.then(
      () => "ok",
      (error: unknown) => (isHoldfastError(error) ? error.code : String(error)),
    );
    let said: string | undefined;
    void ended.then((code) => {
      said = code;
    });
    while (said === undefined) {
      for (let turn = 0; turn < 5; turn++) await new Promise<void>((next) => setImmediate(next));
      clock.advance(200);
    }
    return said;
  }

  async function expectFile(): Promise<void> {
    const done = await engine.status(alice, view.id);
    expect(sha256(await readAll(engine, done))).toEqual(sha256(content));
    expect(storage.state.places.size).toBe(1);
  }

  return { storage, engine, view, code, expectFile, drop: () => storage.state.places.clear() };
}

it("parts that were in it are asked for again, with whatever bytes they have by then", async () => {
  const { engine, view, code, expectFile, drop } = await begin();
  const before = content.map((byte) => byte ^ 1);
  await putParts(engine, view, before, [0, 2]);
  drop();
  expect(await code(putParts(engine, view, before, [2, 3]))).toBe("storage_failed");
  expect((await engine.status(alice, view.id)).offset).toBe(0);
  await putParts(engine, view, content, [0, 3]);
  await engine.complete(alice, view.id, {});
  await expectFile();
});

it("so they are where it is noticed only when they are put together", async () => {
  const { engine, view, code, expectFile, drop } = await begin();
  await putParts(engine, view, content, [0, 3]);
  drop();
  expect(await code(engine.complete(alice, view.id, {}))).toBe("storage_failed");
  expect(await code(engine.complete(alice, view.id, {}))).toBe("parts_missing");
  await putParts(engine, view, content, [0, 3]);
  await engine.complete(alice, view.id, {});
  await expectFile();
});

it("or when parts that went past the server are confirmed; late ones for the old place change nothing", async () => {
  const { engine, storage, view, code, expectFile, drop } = await begin();
  const parts = partDigests(view, content).map((digest, index) => ({ index, digest }));
  const { storage: old } = await engine.presign(alice, view.id, parts, 60_000);
  drop();
  expect(await code(engine.confirm(alice, view.id, parts))).toBe("storage_failed");
  expect(await code(engine.confirm(alice, view.id, parts))).toBe("parts_missing");
  const [late] = old;
  expect(() => late && storage.bring(late, content.subarray(0, PART))).toThrow(HoldfastError);
  const { storage: fresh } = await engine.presign(alice, view.id, parts, 60_000);
  for (const [index, request] of fresh.entries()) {
    storage.bring(request, content.subarray(index * PART, (index + 1) * PART));
  }
  await engine.confirm(alice, view.id, parts);
  await engine.complete(alice, view.id, {});
  await expectFile();
});

it("a tail goes on, which was never in it", async () => {
  const { engine, view, code, expectFile, drop, storage } = await begin();
  const parts = partDigests(view, content).map((digest, index) => ({ index, digest }));
  await engine.presign(alice, view.id, parts, 60_000);
  await appendBytes(engine, view, 0, content.subarray(0, 5000));
  drop();
  const rest = content.subarray(5000);
  expect(await code(appendBytes(engine, view, 5000, rest, { isLast: true }))).toBe(
    "storage_failed",
  );
  const { offset } = await engine.offset(alice, view.id);
  expect(offset).toBeGreaterThanOrEqual(5000);
  await appendBytes(engine, view, offset, content.subarray(offset), { isLast: true });
  await expectFile();
  expect(storage.state.objects.size).toBe(1);
});

it("an upload ends whose offset was told beyond what is left, and leaves nothing", async () => {
  const { engine, view, code, drop, storage } = await begin();
  await appendBytes(engine, view, 0, content.subarray(0, PART));
  drop();
  const rest = content.subarray(PART);
  expect(await code(appendBytes(engine, view, PART, rest))).toBe("storage_failed");
  expect(await code(engine.offset(alice, view.id))).toBe("upload_ended");
  await engine.sweep("server", { isDryRun: false });
  expect(storage.state.places.size + storage.state.objects.size).toBe(0);
});
