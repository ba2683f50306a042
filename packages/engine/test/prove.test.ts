// Proof before publishing: the whole file's SHA-256, and every part read back from the medium.
import { createEngine, type Engine, type EngineParts, type RegionStorage } from "@holdfast/engine";
import {
  type CreateRequest,
  decodeManifest,
  encodeHex,
  HoldfastError,
  KIB,
  type UploadView,
} from "@holdfast/protocol";
import { createVirtualClock, type VirtualClock } from "@holdfast/testkit/clock";
import { nodeDigests } from "@holdfast/testkit/digests";
import { createMemoryMetadata, type MemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import {
  alice,
  createRequest,
  memoryParts,
  putParts,
  readManifest,
  sha256,
} from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const PART = 256 * KIB;
const content = createRandom("content").bytes(3 * PART + 5);
const right = sha256(content);
const wrong = sha256(new Uint8Array(1));

interface Proving {
  readonly parts: EngineParts;
  readonly metadata: MemoryMetadata;
  readonly engine: Engine;
  readonly view: UploadView;
  readonly clock: VirtualClock;
  /** A byte that the medium gives back wrong, by its offset. */
  readonly bad: Set<number>;
  /** While it is set, reading from the medium waits for it. */
  held: Promise<void> | undefined;
  /** Bytes read from the medium. */
  readonly read: () => number;
}

async function begin(more: Partial<CreateRequest> = {}): Promise<Proving> {
  const real = createMemoryStorage();
  const bad = new Set<number>();
  let count = 0;
  const storage: RegionStorage = {
    ...real,
    async read(object, offset, into, origin) {
      const size = await real.read(object, offset, into, origin);
      if (object.kind === "manifest" || origin !== "medium") return size;
      await proving.held;
      count += size;
      for (const at of bad) {
        if (at >= offset && at < offset + size) into[at - offset] = (into[at - offset] ?? 0) ^ 1;
      }
      return size;
    },
  };
  const clock = createVirtualClock();
  const metadata = createMemoryMetadata();
  const parts = memoryParts({ storage, clock, metadata });
  const engine = createEngine(parts);
  const view = await engine.create(alice, createRequest(content.length, more));
  await putParts(engine, view, content, [0, 4]);
  const proving: Proving = {
    ...{ parts, metadata, engine, view, clock, bad, held: undefined },
    read: () => count,
  };
  return proving;
}

async function status({ view }: Proving, engine: Engine): Promise<UploadView> {
  return engine.status(alice, view.id);
}

async function ends(proving: Proving, engine: Engine, state: string): Promise<UploadView> {
  for (let turn = 0; turn < 1000; turn++) {
    const view = await status(proving, engine);
    if (view.state === state) return view;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`it never came to be ${state}`);
}

/** What a complete answers that found the medium slow. */
async function completeSlowly(proving: Proving, asked = {}): Promise<() => void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  proving.held = promise;
  const answer = proving.engine.complete(alice, proving.view.id, asked);
  let isAnswered = false;
  const answered = answer.finally(() => {
    isAnswered = true;
  });
  while (!isAnswered) {
    proving.clock.advance(100);
    await new Promise((turn) => setImmediate(turn));
  }
  expect((await answered).state).toBe("completing");
  return resolve;
}

describe("a whole-file SHA-256", () => {
  it("that fits is in the file and its manifest, whenever it was given", async () => {
    for (const [create, complete] of [
      [{ sha256: right }, {}],
      [{}, { sha256: right }],
      [{ sha256: right }, { sha256: right }],
    ]) {
      const { engine, view, read } = await begin(create);
      const done = await engine.complete(alice, view.id, complete ?? {});
      expect(encodeHex(done.file?.sha256 ?? wrong)).toBe(encodeHex(right));
      expect(read()).toBe(content.length);
      const file = await engine.file(alice, done.file?.id ?? "");
      const text = new TextDecoder().decode(await readManifest(engine, file));
      const manifest = decodeManifest(nodeDigests.sha256, text);
      expect(encodeHex(manifest.sha256 ?? wrong)).toBe(encodeHex(right));
    }
  });

  it("costs nothing where nobody asks, and is told of nowhere", async () => {
    const { engine, view, read } = await begin();
    const done = await engine.complete(alice, view.id, {});
    expect([read(), done.file?.sha256]).toEqual([0, undefined]);
  });

  it("that does not fit fails the upload if it was created with it", async () => {
    const proving = await begin({ sha256: wrong });
    const { engine, view } = proving;
    const refused = engine.complete(alice, view.id, {});
    await expect(refused).rejects.toMatchObject({ code: "file_digest_mismatch" });
    const failed = await status(proving, engine);
    expect(failed).toMatchObject({ state: "failed", error: { code: "file_digest_mismatch" } });
    await expect(engine.complete(alice, view.id, {})).rejects.toMatchObject({
      code: "upload_ended",
    });
  });

  it("that does not fit leaves the upload open if complete brought it", async () => {
    const proving = await begin();
    const { engine, view } = proving;
    const refused = engine.complete(alice, view.id, { sha256: wrong });
    await expect(refused).rejects.toMatchObject({ code: "file_digest_mismatch" });
    const open = await status(proving, engine);
    expect(open).toMatchObject({ state: "open", error: { code: "file_digest_mismatch" } });
    expect((await engine.complete(alice, view.id, { sha256: right })).state).toBe("complete");
  });

  it("given twice must be the same", async () => {
    const { engine, view } = await begin({ sha256: right });
    const refused = engine.complete(alice, view.id, { sha256: wrong });
    await expect(refused).rejects.toMatchObject({ code: "file_digest_mismatch" });
    await engine.complete(alice, view.id, {});
    const again = engine.complete(alice, view.id, { sha256: wrong });
    await expect(again).rejects.toMatchObject({ code: "file_digest_mismatch" });
  });

  it("that does not fit because a part has gone bad asks for that part again", async () => {
    const proving = await begin({ sha256: right });
    const { engine, view, bad } = proving;
    bad.add(PART + 7);
    await expect(engine.complete(alice, view.id, {})).rejects.toMatchObject({
      code: "parts_missing",
      details: { missing: [[1, 2]] },
    });
    const open = await status(proving, engine);
    expect(open).toMatchObject({ state: "open", error: { code: "parts_missing" } });
    bad.clear();
    await putParts(engine, view, content, [1, 2]);
    expect((await engine.complete(alice, view.id, {})).state).toBe("complete");
  });

  it("of an empty file is compared too", async () => {
    const engine = createEngine(memoryParts());
    const empty = sha256(new Uint8Array());
    const done = await engine.create(alice, createRequest(0, { sha256: empty }));
    expect(done.state).toBe("complete");
    const refused = engine.create(alice, createRequest(0, { sha256: right }));
    await expect(refused).rejects.toMatchObject({ code: "file_digest_mismatch" });
  });
});

describe("reading back", () => {
  it("reads every byte from the medium once", async () => {
    const { engine, view, read } = await begin({ verify: "readback" });
    expect((await engine.complete(alice, view.id, {})).state).toBe("complete");
    expect(read()).toBe(content.length);
  });

  it("withdraws what proves bad and publishes when it has come again", async () => {
    const proving = await begin({ verify: "readback" });
    const { engine, view, bad } = proving;
    for (const at of [0, 3 * PART + 1]) bad.add(at);
    await expect(engine.complete(alice, view.id, {})).rejects.toMatchObject({
      code: "parts_missing",
      details: {
        missing: [
          [0, 1],
          [3, 4],
        ],
      },
    });
    expect((await status(proving, engine)).offset).toBe(0);
    bad.clear();
    await putParts(engine, view, content, [0, 4]);
    expect((await engine.complete(alice, view.id, {})).state).toBe("complete");
  });

  it("fails an upload whose offset was told, since that was a promise", async () => {
    const proving = await begin({ verify: "readback" });
    const { engine, view, bad } = proving;
    await engine.offset(alice, view.id);
    bad.add(PART);
    await expect(engine.complete(alice, view.id, {})).rejects.toMatchObject({
      code: "parts_missing",
    });
    expect(await status(proving, engine)).toMatchObject({
      state: "failed",
      error: { code: "storage_failed" },
    });
  });

  it("is proved again after an I/O error on the way", async () => {
    const proving = await begin({ verify: "readback" });
    const { engine, view } = proving;
    proving.held = Promise.reject(new HoldfastError("storage_failed"));
    await expect(engine.complete(alice, view.id, {})).rejects.toMatchObject({
      code: "storage_failed",
    });
    proving.held = undefined;
    for (let turn = 0; turn < 100; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      proving.clock.advance(1000);
    }
    expect((await engine.complete(alice, view.id, {})).state).toBe("complete");
  });
});

describe("a proof that takes long", () => {
  it("is answered with `completing`, and goes on beside whoever asked", async () => {
    const proving = await begin();
    const release = await completeSlowly(proving, { sha256: right });
    const refused = putParts(proving.engine, proving.view, content, [0, 1]);
    expect(await refused).toMatchObject({ committed: 4 });
    release();
    const done = await ends(proving, proving.engine, "complete");
    expect(encodeHex(done.file?.sha256 ?? wrong)).toBe(encodeHex(right));
  });

  it("ends with an abort", async () => {
    const proving = await begin({ verify: "readback" });
    const release = await completeSlowly(proving);
    const aborted = proving.engine.abort(alice, proving.view.id);
    release();
    await aborted;
    expect((await status(proving, proving.engine)).state).toBe("aborted");
    expect(proving.read()).toBeLessThanOrEqual(PART);
  });

  it.each([
    ["fits", right, "complete"],
    ["does not fit", wrong, "open"],
  ] as const)(
    "goes on at the next start, where a digest that complete brought %s",
    async (_, digest, state) => {
      const proving = await begin();
      const release = await completeSlowly(proving, { sha256: digest });
      const drained = proving.engine.drain(0);
      release();
      await drained;
      expect((await proving.parts.metadata.upload(proving.view.id))?.state).toBe("completing");
      const next = createEngine(proving.parts);
      await next.recover();
      const ended = await ends(proving, next, state);
      expect(ended.error?.code).toBe(state === "open" ? "file_digest_mismatch" : undefined);
    },
  );

  it("goes on after a crash, with what complete had asked for", async () => {
    const proving = await begin();
    const release = await completeSlowly(proving, { sha256: wrong });
    // What a crash leaves is what is durable now; the engine of before never gets on.
    const state = proving.metadata.snapshot();
    const next = createEngine({ ...proving.parts, metadata: createMemoryMetadata({ state }) });
    await next.recover();
    release();
    const ended = await ends(proving, next, "open");
    expect(ended.error?.code).toBe("file_digest_mismatch");
  });

  it("ends with the hashing that it needs, and takes nobody along", async () => {
    const failure = new HoldfastError("internal", "the hashing thread has ended");
    let pieces = 0;
    const scan = {
      ...nodeDigests.scan({ hasWhole: false }),
      async update() {
        if (++pieces > 2) throw failure;
      },
      endPart: () =>
        new Promise<Uint8Array>((_, reject) => void setImmediate(() => reject(failure))),
    };
    const unheard: unknown[] = [];
    const note = (cause: unknown) => void unheard.push(cause);
    process.on("unhandledRejection", note);
    try {
      const engine = createEngine(memoryParts({ digests: { ...nodeDigests, scan: () => scan } }));
      const request = createRequest(content.length, { verify: "readback" });
      const view = await engine.create(alice, request);
      await putParts(engine, view, content, [0, 4]);
      await expect(engine.complete(alice, view.id, {})).rejects.toMatchObject({ code: "internal" });
      await new Promise((resolve) => setTimeout(resolve, 20));
    } finally {
      process.off("unhandledRejection", note);
    }
    expect(unheard).toEqual([]);
  });
});
