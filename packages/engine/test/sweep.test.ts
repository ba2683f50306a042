// sweep: what it takes, what it leaves, and the races it must not win.
import { createEngine, type Engine, type EngineParts, type Principal } from "@holdfast/engine";
import { HoldfastError, KIB, type UploadView } from "@holdfast/protocol";
import { createBody } from "@holdfast/testkit/body";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import {
  alice,
  createRequest,
  memoryParts,
  openPolicy,
  putParts,
  readAll,
} from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;
const PART = 256 * KIB;
const content = createRandom("sweep").bytes(2 * PART);
const NONE = { count: 0, bytes: 0 };

function start(more: Partial<EngineParts> = {}) {
  const clock = createVirtualClock();
  const parts = memoryParts({ clock, ...more });
  return { clock, parts, engine: createEngine(parts) };
}

async function begun(engine: Engine, run: readonly [number, number] = [0, 1]): Promise<UploadView> {
  const view = await engine.create(alice, createRequest(content.length));
  await putParts(engine, view, content, run);
  return view;
}

async function stored(parts: EngineParts, { id }: UploadView): Promise<number> {
  const { storage } = parts;
  if (storage.kind !== "regions") throw new Error("these tests look at a storage of regions");
  return storage.read({ id, kind: "bytes" }, 0, new Uint8Array(PART));
}

const real = (engine: Engine) => engine.sweep("server", { isDryRun: false });

describe("a sweep", () => {
  it("ends an upload a day after its last commit, and removes its bytes", async () => {
    const { clock, parts, engine } = start();
    const view = await begun(engine);
    clock.advance(HOUR);
    await putParts(engine, view, content, [1, 2]);
    clock.advance(DAY - 1);
    expect(await real(engine)).toMatchObject({ expired: NONE });
    expect((await engine.status(alice, view.id)).state).toBe("open");
    clock.advance(1);
    expect(await real(engine)).toEqual({
      isDryRun: false,
      expired: { count: 1, bytes: content.length },
      removed: NONE,
      erased: NONE,
      forgotten: NONE,
      left: NONE,
      unrecorded: NONE,
      failed: 0,
      isWhole: true,
      isHeld: false,
    });
    expect(await stored(parts, view)).toBe(0);
    expect(await parts.metadata.counts()).toEqual({ open: 0, bytes: 0, files: 0 });
  });

  it("publishes what a fault has left on its way to a file, and nobody asked for again", async () => {
    let isFull = true;
    const metadata = createMemoryMetadata({
      async onApply(point, { kind }) {
        if (kind === "publish" && isFull && point === "before-durable")
          throw new HoldfastError("storage_full");
      },
    });
    const { clock, engine } = start({ metadata });
    const view = await begun(engine, [0, 2]);
    await expect(engine.complete(alice, view.id, {})).rejects.toMatchObject({
      code: "storage_full",
    });
    isFull = false;
    await real(engine);
    const state = async () => (await engine.status(alice, view.id)).state;
    expect(await state()).toBe("completing");
    clock.advance(DAY);
    expect(await real(engine)).toMatchObject({ expired: NONE, failed: 0 });
    expect(await state()).toBe("complete");
  });

  it("lets what has expired say so for a day, then forgets it", async () => {
    const { clock, engine } = start();
    const view = await begun(engine);
    clock.advance(DAY);
    await real(engine);
    const ended = { code: "upload_ended", details: { state: "expired" } };
    await expect(engine.status(alice, view.id)).rejects.toMatchObject(ended);
    await expect(putParts(engine, view, content, [1, 2])).rejects.toMatchObject(ended);
    await expect(engine.complete(alice, view.id, {})).rejects.toMatchObject(ended);
    clock.advance(DAY);
    expect((await real(engine)).forgotten).toEqual(NONE);
    clock.advance(1);
    expect((await real(engine)).forgotten).toEqual({ count: 1, bytes: content.length });
    await expect(engine.status(alice, view.id)).rejects.toMatchObject({
      code: "upload_not_found",
    });
  });

  it("forgets a complete upload and its key, and leaves the file", async () => {
    const { clock, engine } = start();
    const request = createRequest(content.length);
    const view = await engine.create(alice, request, "key");
    await putParts(engine, view, content, [0, 2]);
    const done = await engine.complete(alice, view.id, {});
    clock.advance(DAY + 1);
    expect(await real(engine)).toMatchObject({ forgotten: { count: 1 }, expired: NONE });
    expect(await readAll(engine, done)).toEqual(Buffer.from(content));
    await expect(engine.status(alice, view.id)).rejects.toMatchObject({
      code: "upload_not_found",
    });
    expect((await engine.create(alice, request, "key")).id).not.toBe(view.id);
  });

  it("does nothing and tells the same where it is dry", async () => {
    const { clock, parts, engine } = start();
    const views = [await begun(engine), await begun(engine)];
    clock.advance(DAY);
    const dry = await engine.sweep("server", { isDryRun: true });
    expect(dry.expired).toEqual({ count: 2, bytes: 2 * content.length });
    for (const view of views) expect(await stored(parts, view)).toBe(PART);
    const did = await real(engine);
    expect(did).toEqual({ ...dry, isDryRun: false });
  });

  it("goes through more than a batch, however long the list is", async () => {
    const { clock, parts, engine } = start();
    for (let at = 0; at < 700; at++) await engine.create(alice, createRequest(PART));
    clock.advance(DAY);
    expect((await engine.sweep("server", { isDryRun: true })).expired.count).toBe(700);
    expect((await real(engine)).expired.count).toBe(700);
    expect(await parts.metadata.due("expired", { limit: 9 })).toEqual([]);
  });

  it("is for who may administer, and for the server", async () => {
    const asked: string[] = [];
    const policy = {
      ...openPolicy,
      async decide(_: Principal, action: string) {
        asked.push(action);
        throw new HoldfastError("forbidden");
      },
    };
    const { engine } = start({ policy });
    const refused = engine.sweep(alice, { isDryRun: true });
    await expect(refused).rejects.toMatchObject({ code: "forbidden" });
    expect(asked).toEqual(["administer"]);
    await engine.sweep("server", { isDryRun: false });
  });
});

describe("a sweep beside those who write", () => {
  it("leaves an upload that somebody writes to, though its time is over", async () => {
    const { clock, engine } = start();
    const view = await begun(engine);
    clock.advance(DAY - 1000);
    const body = createBody();
    const putting = putParts(engine, view, content, [1, 2], { body });
    body.push(content.subarray(PART, PART + 1000));
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(2000);
    expect(await real(engine)).toMatchObject({ expired: NONE, failed: 0 });
    body.push(content.subarray(PART + 1000));
    body.end();
    await putting;
    expect(await real(engine)).toMatchObject({ expired: NONE });
    expect((await engine.complete(alice, view.id, {})).state).toBe("complete");
  });

  it("loses the race against a commit that is on its way to the store", async () => {
    let hold: Promise<void> | undefined;
    const metadata = createMemoryMetadata({
      async onApply(point, change) {
        if (point === "before-durable" && change.kind === "expire") await hold;
      },
    });
    const { clock, engine, parts } = start({ metadata });
    const view = await begun(engine);
    clock.advance(DAY);
    // Another process's commit, as far as this engine can tell.
    const later = clock.now() + DAY;
    const gate = Promise.withResolvers<void>();
    hold = gate.promise;
    const commit = metadata.apply({ kind: "commit", id: view.id, parts: [], expiresAt: later });
    const swept = real(engine);
    gate.resolve();
    await commit;
    expect(await swept).toMatchObject({ expired: NONE, failed: 0 });
    expect(await stored(parts, view)).toBe(PART);
  });

  it("refuses the part that comes after it", async () => {
    const { clock, engine } = start();
    const view = await begun(engine);
    clock.advance(DAY);
    const [, put] = await Promise.allSettled([
      real(engine),
      putParts(engine, view, content, [1, 2]),
    ]);
    if (put.status === "rejected") expect(put.reason).toMatchObject({ code: "upload_ended" });
    const state = await engine.status(alice, view.id).then(
      ({ state }) => state,
      (error) => error.code,
    );
    expect(state).toBe(put.status === "fulfilled" ? "open" : "upload_ended");
  });

  it("goes on where a storage failed, the next time", async () => {
    const memory = createMemoryStorage();
    let isBroken = true;
    const remove: typeof memory.remove = async (id) => {
      if (isBroken) throw new HoldfastError("storage_failed");
      await memory.remove(id);
    };
    const { clock, engine, parts } = start({ storage: { ...memory, remove } });
    const view = await begun(engine);
    clock.advance(DAY);
    expect(await real(engine)).toMatchObject({ expired: NONE, failed: expect.any(Number) });
    expect((await parts.metadata.upload(view.id))?.state).toBe("expired");
    clock.advance(2 * DAY);
    expect((await real(engine)).forgotten).toEqual(NONE);
    isBroken = false;
    expect(await real(engine)).toMatchObject({ removed: { count: 1 }, failed: 0 });
    expect(await stored(parts, view)).toBe(0);
  });

  it("stops where the server is told to, and keeps the rest for the next", async () => {
    const { clock, engine, parts } = start();
    for (let at = 0; at < 40; at++) await engine.create(alice, createRequest(PART));
    clock.advance(DAY);
    const swept = real(engine);
    await engine.drain(0);
    const { expired, isWhole } = await swept;
    const left = await parts.metadata.due("expired", { limit: 99 });
    expect(expired.count + left.length).toBe(40);
    expect(isWhole).toBe(left.length === 0);
  });
});
