// How uploads over a storage of parts end: as a file, or with nothing left behind.
import { createEngine, type Engine } from "@holdfast/engine";
import { HoldfastError, KIB, partRanges, type UploadView } from "@holdfast/protocol";
import { createBody } from "@holdfast/testkit/body";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryParts, type MemoryPartsOptions } from "@holdfast/testkit/storage/parts";
import {
  alice,
  createRequest,
  memoryParts,
  putParts,
  readAll,
  readManifest,
  sha256,
} from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const PART = 256 * KIB;
const HOUR = 60 * 60 * 1000;
const content = createRandom("ends").bytes(2 * PART + 1000);

interface World {
  readonly engine: Engine;
  readonly storage: ReturnType<typeof createMemoryParts>;
  readonly metadata: ReturnType<typeof createMemoryMetadata>;
  readonly clock: ReturnType<typeof createVirtualClock>;
  /** A second process over the same storage and records. */
  restart(): Engine;
}

function makeWorld(onCall: MemoryPartsOptions["onCall"] = () => undefined): World {
  const clock = createVirtualClock();
  const storage = createMemoryParts({ clock, onCall });
  const metadata = createMemoryMetadata();
  const engine = createEngine(memoryParts({ storage, metadata, clock }));
  const restart = () => {
    const random = createRandom("again");
    return createEngine(memoryParts({ storage, metadata, clock, random }));
  };
  return { engine, storage, metadata, clock, restart };
}

async function begin(engine: Engine, more = {}): Promise<UploadView> {
  return engine.create(alice, createRequest(content.length, more));
}

async function filled(engine: Engine, more = {}): Promise<UploadView> {
  const view = await begin(engine, more);
  await putParts(engine, view, content, [0, 3]);
  return view;
}

/** Runs while time passes. */
async function passing<T>(work: Promise<T>, { clock }: World): Promise<T> {
  let isOver = false;
  const ended = work.finally(() => {
    isOver = true;
  });
  ended.catch(() => undefined);
  while (!isOver) {
    for (let turn = 0; turn < 5; turn++) await new Promise<void>((next) => setImmediate(next));
    clock.advance(200);
  }
  return work;
}

function left({ storage: { state } }: World): number {
  return state.places.size + state.objects.size;
}

function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "ok",
    (error: HoldfastError) => error.code,
  );
}

describe("complete", () => {
  it("says what is missing, and touches nothing", async () => {
    const { engine, storage } = makeWorld();
    const view = await begin(engine);
    await putParts(engine, view, content, [1, 2]);
    expect(await codeOf(engine.complete(alice, view.id, {}))).toBe("parts_missing");
    expect([...storage.state.places.values()].some(({ object }) => object)).toBe(false);
    await putParts(engine, view, content, [0, 3]);
    const done = await engine.complete(alice, view.id, {});
    expect(sha256(await readAll(engine, done))).toEqual(sha256(content));
  });

  it("makes a file with its manifest, which reads in any range", async () => {
    const { engine } = makeWorld();
    const done = await engine.complete(alice, (await filled(engine)).id, {});
    const file = await engine.file(alice, done.file?.id ?? "");
    const manifest = JSON.parse(Buffer.from(await readManifest(engine, file)).toString());
    expect(manifest.size).toBe(content.length);
    for (const [start, end] of [
      [0, 1],
      [PART - 1, PART + 1],
      [5, content.length],
      [3, 3],
    ] as const) {
      const pieces: Uint8Array[] = [];
      for await (const piece of engine.read(file, { start, end })) pieces.push(piece.slice());
      expect(Buffer.concat(pieces)).toEqual(Buffer.from(content.subarray(start, end)));
    }
  });

  it.each([
    ["assemble", "before"],
    ["assemble", "after"],
    ["objects.put", "before"],
    ["objects.put", "after"],
  ] as const)("may be asked for again where %s failed %s it was done", async (kind, at) => {
    let isFirst = true;
    const { engine, metadata } = makeWorld((call, when) => {
      if (call !== kind || when !== at || !isFirst) return;
      isFirst = false;
      throw new HoldfastError("storage_failed");
    });
    const { id } = await filled(engine);
    expect(await codeOf(engine.complete(alice, id, {}))).toBe("storage_failed");
    expect((await metadata.upload(id))?.state).toBe("open");
    const done = await engine.complete(alice, id, {});
    expect(sha256(await readAll(engine, done))).toEqual(sha256(content));
  });

  it("by two at once makes one file", async () => {
    const { engine } = makeWorld();
    const { id } = await filled(engine);
    const [one, other] = await Promise.all([1, 2].map(() => engine.complete(alice, id, {})));
    expect(one?.file?.id).toBe(other?.file?.id);
    expect((await engine.files(alice, { limit: 9 })).files).toHaveLength(1);
  });

  it("asks again for parts that the store has lost, with the digests that they had", async () => {
    const world = makeWorld();
    const { engine, storage } = world;
    const view = await filled(engine);
    [...storage.state.places.values()][0]?.parts.delete(1);
    const code = await passing(codeOf(engine.complete(alice, view.id, {})), world);
    expect(code).toBe("parts_missing");
    const { committed } = await engine.status(alice, view.id);
    expect([...partRanges(committed)]).toEqual([
      [0, 1],
      [2, 3],
    ]);
    const other = createRandom("changed").bytes(content.length);
    expect(await codeOf(putParts(engine, view, other, [1, 2]))).toBe("part_conflict");
    await putParts(engine, view, content, [1, 2]);
    const done = await engine.complete(alice, view.id, {});
    expect(sha256(await readAll(engine, done))).toEqual(sha256(content));
  });

  it("takes no part for lost because one list does not have it", async () => {
    let looks = 0;
    const world = makeWorld((call, when) => {
      if (call !== "assemble" || when !== "before" || ++looks > 2) return;
      throw new HoldfastError("parts_missing", undefined, { missing: [[0, 1]] });
    });
    const { id } = await filled(world.engine);
    const done = await passing(world.engine.complete(alice, id, {}), world);
    expect(done.state).toBe("complete");
  });

  it("ends the requests that are in flight", async () => {
    const { engine, metadata } = makeWorld();
    const view = await filled(engine);
    await engine.complete(alice, view.id, {});
    expect((await metadata.upload(view.id))?.state).toBe("complete");
    expect((await putParts(engine, view, content, [0, 1])).committed).toBe(3);
  });
});

describe("a proof", () => {
  it("reads the assembled bytes once more, and gives the file its SHA-256", async () => {
    const world = makeWorld();
    const view = await filled(world.engine, { verify: "readback", sha256: sha256(content) });
    const done = await passing(world.engine.complete(alice, view.id, {}), world);
    expect(done.file?.sha256).toEqual(new Uint8Array(sha256(content)));
  });

  it("of bytes that have gone bad fails the upload, and nothing of it is left", async () => {
    const world = makeWorld((call, when) => {
      if (call !== "assemble" || when !== "after") return;
      for (const place of world.storage.state.places.values()) place.object?.fill(0, 5, 6);
    });
    const { engine, metadata } = world;
    const view = await filled(engine, { verify: "readback" });
    const code = await passing(codeOf(engine.complete(alice, view.id, {})), world);
    expect(code).toBe("upload_ended");
    expect((await metadata.upload(view.id))?.state).toBe("failed");
    await engine.sweep("server", { isDryRun: false });
    expect(left(world)).toBe(0);
  });

  it("of another SHA-256 leaves the upload open, to be completed without it", async () => {
    const world = makeWorld();
    const view = await filled(world.engine);
    const wrong = { sha256: sha256(new Uint8Array(1)) };
    const code = await passing(codeOf(world.engine.complete(alice, view.id, wrong)), world);
    expect(code).toBe("file_digest_mismatch");
    const done = await world.engine.complete(alice, view.id, {});
    expect(sha256(await readAll(world.engine, done))).toEqual(sha256(content));
  });
});

describe("an end without a file", () => {
  it("by abort leaves no part, and takes none that comes late", async () => {
    const world = makeWorld();
    const { engine } = world;
    const view = await filled(engine);
    await engine.abort(alice, view.id);
    expect(left(world)).toBe(0);
    expect(await codeOf(putParts(engine, view, content, [0, 1]))).toBe("upload_ended");
    expect(left(world)).toBe(0);
  });

  it("by abort waits for a part on its way", async () => {
    const gate = Promise.withResolvers<void>();
    const world = makeWorld(async (call, when) => {
      if (call === "putPart" && when === "before") await gate.promise;
    });
    const { engine } = world;
    const view = await begin(engine);
    const sending = codeOf(
      putParts(engine, view, content, [0, 1], { body: createBody(content.subarray(0, PART)) }),
    );
    for (let turn = 0; turn < 20; turn++) await new Promise<void>((next) => setImmediate(next));
    const aborting = engine.abort(alice, view.id);
    gate.resolve();
    await aborting;
    expect(await sending).toBe("upload_ended");
    expect(left(world)).toBe(0);
  });

  it("by time leaves none either", async () => {
    const world = makeWorld();
    await filled(world.engine);
    world.clock.advance(25 * HOUR);
    const { expired } = await world.engine.sweep("server", { isDryRun: false });
    expect(expired.count).toBe(1);
    expect(left(world)).toBe(0);
  });

  it("goes on with the next sweep where the store refused", async () => {
    let isFirst = true;
    const world = makeWorld((call, when) => {
      if (call !== "discard" || when !== "before" || !isFirst) return;
      isFirst = false;
      throw new HoldfastError("storage_failed");
    });
    const { engine } = world;
    const view = await filled(engine);
    expect(await codeOf(engine.abort(alice, view.id))).toBe("storage_failed");
    const { removed } = await engine.sweep("server", { isDryRun: false });
    expect(removed.count).toBe(1);
    expect(left(world)).toBe(0);
  });
});

describe("a file that is deleted", () => {
  it("is gone with all that was stored for it", async () => {
    const world = makeWorld();
    const { engine } = world;
    const done = await engine.complete(alice, (await filled(engine)).id, {});
    await engine.deleteFile(alice, done.file?.id ?? "");
    expect(left(world)).toBe(0);
  });

  it.each(["recover", "sweep"] as const)("is, after a fault, with %s", async (by) => {
    let isFirst = true;
    const world = makeWorld((call, when) => {
      if (call !== "discard" || when !== "before" || !isFirst) return;
      isFirst = false;
      throw new HoldfastError("storage_failed");
    });
    const { engine } = world;
    const done = await engine.complete(alice, (await filled(engine)).id, {});
    await engine.deleteFile(alice, done.file?.id ?? "");
    expect(left(world)).toBeGreaterThan(0);
    if (by === "sweep") await engine.sweep("server", { isDryRun: false });
    else await world.restart().recover();
    expect(left(world)).toBe(0);
  });
});

describe("places that no record names", () => {
  it("go after a day, and no others", async () => {
    const world = makeWorld();
    const { engine, storage, clock } = world;
    const kept = await filled(engine);
    const stray = await storage.begin(kept.id, "a/b");
    clock.advance(23 * HOUR);
    await putParts(engine, kept, content, [0, 1]);
    const early = await engine.sweep("server", { isDryRun: false });
    expect(early.removed.count).toBe(0);
    // Somebody goes on with the upload, so that it has not expired by then.
    const again = await begin(engine);
    await putParts(engine, again, content, [0, 1]);
    clock.advance(2 * HOUR);
    expect((await engine.sweep("server", { isDryRun: true })).removed.count).toBe(1);
    expect((await engine.sweep("server", { isDryRun: false })).removed.count).toBe(1);
    expect(storage.state.places.has(stray)).toBe(false);
    await engine.complete(alice, kept.id, {}).catch(() => undefined);
    expect(storage.state.places.size).toBe(1);
  });

  it("stay while the clock is not believed", async () => {
    const world = makeWorld();
    const { engine, storage, clock } = world;
    await storage.begin((await begin(engine)).id, "a/b");
    clock.advance(25 * HOUR);
    await engine.sweep("server", { isDryRun: false, isHeld: async () => true });
    expect(storage.state.places.size).toBe(1);
  });
});
