// complete, abort, read: a file becomes visible whole, once, or not at all.
import { createEngine, type Engine, type EngineParts, type RegionStorage } from "@holdfast/engine";
import { decodeManifest, encodeHex, HoldfastError, KIB, type UploadView } from "@holdfast/protocol";
import { createBody } from "@holdfast/testkit/body";
import { nodeDigests } from "@holdfast/testkit/digests";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import {
  alice,
  createRequest,
  memoryParts,
  putParts,
  readAll,
  readManifest,
} from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const PART = 256 * KIB;
const content = createRandom("content").bytes(2 * PART + 77);

async function begin(
  parts: Partial<EngineParts> = {},
): Promise<{ readonly engine: Engine; readonly view: UploadView }> {
  const engine = createEngine(memoryParts(parts));
  return { engine, view: await engine.create(alice, createRequest(content.length)) };
}

describe("complete", () => {
  it("publishes the bytes with a manifest that proves them", async () => {
    const { engine, view } = await begin();
    await putParts(engine, view, content, [0, 3]);
    const done = await engine.complete(alice, view.id, { size: content.length });
    expect(done.state).toBe("complete");
    expect(await readAll(engine, done)).toEqual(Buffer.from(content));
    const file = await engine.file(alice, done.file?.id ?? "");
    const text = new TextDecoder().decode(await readManifest(engine, file));
    const manifest = decodeManifest(nodeDigests.sha256, text);
    expect(encodeHex(manifest.root)).toBe(encodeHex(file.root));
    expect(manifest).toMatchObject({ size: content.length, name: "talk.mp4", type: "video/mp4" });
    expect(encodeHex(done.file?.root ?? new Uint8Array())).toBe(encodeHex(file.root));
  });

  it("has the same result when it is asked again, or twice at once", async () => {
    const { engine, view } = await begin();
    await putParts(engine, view, content, [0, 3]);
    const both = await Promise.all([
      engine.complete(alice, view.id, {}),
      engine.complete(alice, view.id, {}),
    ]);
    const again = await engine.complete(alice, view.id, {});
    expect(new Set([...both, again].map((done) => done.file?.id)).size).toBe(1);
  });

  it("names the parts that are missing and touches nothing", async () => {
    const { engine, view } = await begin();
    await putParts(engine, view, content, [1, 2]);
    await expect(engine.complete(alice, view.id, {})).rejects.toMatchObject({
      code: "parts_missing",
      details: {
        missing: [
          [0, 1],
          [2, 3],
        ],
      },
    });
    expect((await engine.status(alice, view.id)).state).toBe("open");
  });

  it("refuses a wrong root or size; the upload stays open", async () => {
    const { engine, view } = await begin();
    await putParts(engine, view, content, [0, 3]);
    const root = new Uint8Array(32);
    await expect(engine.complete(alice, view.id, { root })).rejects.toMatchObject({
      code: "root_mismatch",
    });
    await expect(engine.complete(alice, view.id, { size: 5 })).rejects.toMatchObject({
      code: "size_mismatch",
    });
    expect((await engine.status(alice, view.id)).state).toBe("open");
    expect((await engine.complete(alice, view.id, {})).state).toBe("complete");
  });

  it("completes an empty file at create", async () => {
    const engine = createEngine(memoryParts());
    const view = await engine.create(alice, createRequest(0));
    expect(view.state).toBe("complete");
    expect(await readAll(engine, view)).toHaveLength(0);
  });

  it("leaves the upload open when the storage fails, and completes it later", async () => {
    const real = createMemoryStorage();
    let failures = 1;
    const storage: RegionStorage = {
      ...real,
      async put(...put) {
        if (failures-- > 0) throw new HoldfastError("storage_full");
        await real.put(...put);
      },
    };
    const { engine, view } = await begin({ storage });
    await putParts(engine, view, content, [0, 3]);
    await expect(engine.complete(alice, view.id, {})).rejects.toMatchObject({
      code: "storage_full",
    });
    const after = await engine.status(alice, view.id);
    expect(after).toMatchObject({ state: "open", error: { code: "storage_full" } });
    expect((await retried(() => engine.complete(alice, view.id, {}))).state).toBe("complete");
  });
});

describe("abort", () => {
  it("removes the bytes, ends what is in flight, and may be repeated", async () => {
    const storage = createMemoryStorage();
    const room = await storage.room();
    const { engine, view } = await begin({ storage });
    await putParts(engine, view, content, [0, 1]);
    const late = putParts(engine, view, content, [1, 3], { body: createBody() });
    const lost = expect(late).rejects.toMatchObject({ code: "upload_ended" });
    await engine.abort(alice, view.id);
    await lost;
    await engine.abort(alice, view.id);
    expect((await engine.status(alice, view.id)).state).toBe("aborted");
    expect(await storage.room()).toBe(room);
    await expect(engine.complete(alice, view.id, {})).rejects.toMatchObject({
      code: "upload_ended",
    });
  });

  it("does not take a file away", async () => {
    const { engine, view } = await begin();
    await putParts(engine, view, content, [0, 3]);
    const done = await engine.complete(alice, view.id, {});
    await expect(engine.abort(alice, view.id)).rejects.toMatchObject({ code: "upload_not_open" });
    expect(await readAll(engine, done)).toHaveLength(content.length);
  });
});

describe("read", () => {
  it("gives exactly the range", async () => {
    const { engine, view } = await begin();
    await putParts(engine, view, content, [0, 3]);
    const done = await engine.complete(alice, view.id, {});
    const file = await engine.file(alice, done.file?.id ?? "");
    for (const [start, end] of [
      [0, 1],
      [PART - 1, PART + 1],
      [1000, 2 * PART + 77],
      [5, 5],
    ] as const) {
      const pieces: Uint8Array[] = [];
      for await (const piece of engine.read(file, { start, end })) pieces.push(piece.slice());
      expect(Buffer.concat(pieces)).toEqual(Buffer.from(content.subarray(start, end)));
    }
  });

  it("says so where bytes or the manifest are gone or damaged", async () => {
    const storage = createMemoryStorage();
    const { engine, view } = await begin({ storage });
    await putParts(engine, view, content, [0, 3]);
    const done = await engine.complete(alice, view.id, {});
    const file = await engine.file(alice, done.file?.id ?? "");
    await storage.put({ id: view.id, kind: "manifest" }, [new Uint8Array(file.manifestSize)]);
    await expect(engine.manifest(file)).rejects.toMatchObject({ code: "storage_failed" });
    await storage.remove(view.id);
    await expect(engine.manifest(file)).rejects.toMatchObject({ code: "storage_failed" });
    await expect(readAll(engine, done)).rejects.toMatchObject({ code: "storage_failed" });
  });

  it("does not show a file to another tenant, nor under another id", async () => {
    const { engine, view } = await begin();
    await putParts(engine, view, content, [0, 3]);
    const done = await engine.complete(alice, view.id, {});
    const absent = { code: "file_not_found" };
    const mallory = { id: "mallory", tenant: "elsewhere" };
    await expect(engine.file(mallory, done.file?.id ?? "")).rejects.toMatchObject(absent);
    await expect(engine.file(alice, view.id)).rejects.toMatchObject(absent);
    await expect(engine.file(alice, "..")).rejects.toMatchObject(absent);
  });
});

describe("recover", () => {
  it("publishes what was completing and clears what was aborted", async () => {
    const metadata = createMemoryMetadata();
    const storage = createMemoryStorage();
    const { engine, view } = await begin({ metadata, storage });
    const doomed = await engine.create(alice, createRequest(content.length));
    await putParts(engine, doomed, content, [0, 1]);
    await putParts(engine, view, content, [0, 3]);
    await metadata.apply({ kind: "seal", id: view.id, epoch: 0 });
    await metadata.apply({ kind: "end", id: doomed.id, state: "aborted", at: 1 });
    const after = createMemoryMetadata({ state: metadata.snapshot() });
    const next = createEngine(
      memoryParts({ metadata: after, storage, random: createRandom("next") }),
    );
    await next.recover();
    const done = await next.status(alice, view.id);
    expect(done.state).toBe("complete");
    expect(await readAll(next, done)).toEqual(Buffer.from(content));
    expect(await after.due("uncleared", { limit: 9 })).toEqual([]);
    expect(await after.due("completing", { limit: 9 })).toEqual([]);
  });
});

describe("drain", () => {
  it("refuses new work, commits whole parts in flight, and resolves", async () => {
    const parts = memoryParts();
    const { engine, view } = await begin(parts);
    const body = createBody();
    const put = putParts(engine, view, content, [0, 3], { body });
    const refused = expect(put).rejects.toMatchObject({ code: "shutting_down" });
    body.push(content.subarray(0, PART + 5));
    await settled();
    const drained = engine.drain(5000);
    await expect(engine.create(alice, createRequest(1))).rejects.toMatchObject({
      code: "shutting_down",
    });
    (parts.clock as unknown as { advance(ms: number): void }).advance(5000);
    await drained;
    await refused;
    const after = await engine.status(alice, view.id);
    expect(after.offset).toBe(PART);
  });

  it("waits for a body that still comes in time", async () => {
    const { engine, view } = await begin();
    const body = createBody();
    const put = putParts(engine, view, content, [0, 1], { body });
    await settled();
    const drained = engine.drain(5000);
    body.push(content.subarray(0, PART));
    body.end();
    await drained;
    expect((await put).committed).toBe(1);
  });
});

async function settled(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
}

/** Asks again while the upload is recovering. */
async function retried<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== "recovering") throw error;
      await settled();
    }
  }
}
