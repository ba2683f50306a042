// Interleavings that once broke a promise: eviction, healing, repeated publishing, draining, aborting, each against something else.
import {
  createEngine,
  type Engine,
  type EngineParts,
  type MetadataStore,
  type RegionStorage,
} from "@holdfast/engine";
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
  putParts,
  readAll,
  readManifest,
  sha256,
} from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const PART = 256 * KIB;
const content = createRandom("content").bytes(3 * PART);

async function begin(
  parts: Partial<EngineParts> = {},
): Promise<{ readonly engine: Engine; readonly view: UploadView }> {
  const engine = createEngine(memoryParts(parts));
  return { engine, view: await engine.create(alice, createRequest(content.length)) };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "ok",
    (error: HoldfastError) => error.code,
  );
}

describe("an upload that is asked for while idle ones are evicted", () => {
  it("stays one object: a part has one claim", async () => {
    const [good, evil] = [content.subarray(0, PART), new Uint8Array(PART)];
    const large = createRequest(100_000 * PART);
    for (let distance = 0; distance < 40; distance++) {
      const engine = createEngine(memoryParts());
      const view = await engine.create(alice, createRequest(PART));
      for (let count = 0; count < 2; count++) await engine.create(alice, large);
      const creating = engine.create(alice, large);
      for (let count = 0; count < distance; count++) await Promise.resolve();
      const slow = createBody();
      const digests = new Map([[view.digest, [sha256(evil)]]]);
      const first = codeOf(engine.putRun(alice, { id: view.id, run: [0, 1], digests, body: slow }));
      await creating;
      await turn();
      expect(await codeOf(putParts(engine, view, good, [0, 1]))).toBe("part_busy");
      slow.end();
      await first;
    }
  });
});

describe("healing", () => {
  it("withdraws a part that cannot be read in several looks, and reads the others once", async () => {
    const real = createMemoryStorage();
    const clock = createVirtualClock();
    let isBroken = false;
    let reads = 0;
    const storage: RegionStorage = {
      ...real,
      async flush() {
        if (isBroken) throw new HoldfastError("storage_failed");
      },
      async read(object, offset, into, origin) {
        if (isBroken) reads++;
        if (isBroken && offset < PART) throw new HoldfastError("storage_failed");
        return real.read(object, offset, into, origin);
      },
    };
    const { engine, view } = await begin({ storage, clock });
    await putParts(engine, view, content, [0, 2]);
    isBroken = true;
    expect(await codeOf(putParts(engine, view, content, [2, 3]))).toBe("storage_failed");
    for (let look = 0; look < 4; look++) {
      await turn();
      clock.advance(5000);
    }
    expect(reads).toBe(3 + 1);
    isBroken = false;
    await putParts(engine, view, content, [0, 3]);
    const done = await engine.complete(alice, view.id, {});
    expect(await readAll(engine, done)).toEqual(Buffer.from(content));
  });

  it("is waited for by start-up: nothing is published that was not compared", async () => {
    const real = createMemoryStorage();
    const before = createMemoryMetadata({
      onApply: async (_, change) => {
        if (change.kind === "publish") await new Promise<never>(() => undefined);
      },
    });
    const first = await begin({ storage: real, metadata: before });
    await putParts(first.engine, first.view, content, [0, 3]);
    void first.engine.complete(alice, first.view.id, {});
    await turn();
    let failures = 1;
    const storage: RegionStorage = {
      ...real,
      async read(object, offset, into, origin) {
        await turn();
        if (failures-- > 0) throw new HoldfastError("storage_failed");
        const size = await real.read(object, offset, into, origin);
        if (offset === 0) into[7] = (into[7] ?? 0) ^ 1;
        return size;
      },
    };
    const metadata = createMemoryMetadata({ state: before.snapshot() });
    const { id } = first.view;
    const engine = createEngine(memoryParts({ storage, metadata, random: createRandom("next") }));
    await engine.recover();
    const after = await engine.status(alice, id);
    expect(after).toMatchObject({ state: "open", offset: 0 });
  });
});

describe("publishing again after an unknown outcome", () => {
  it("leaves the manifest of the file that did become visible as it is", async () => {
    const storage = createMemoryStorage();
    const clock = createVirtualClock();
    const metadata = createMemoryMetadata({
      onApply: async (point, change) => {
        if (change.kind === "publish" && point === "before-acknowledged")
          throw new HoldfastError("storage_failed");
      },
    });
    const { engine, view } = await begin({ storage, clock, metadata });
    await putParts(engine, view, content, [0, 3]);
    for (let attempt = 0; attempt < 2; attempt++) {
      clock.advance(1000);
      expect(await codeOf(engine.complete(alice, view.id, {}))).toBe("storage_failed");
    }
    const state = metadata.snapshot();
    const next = createEngine(
      memoryParts({ storage, clock, metadata: createMemoryMetadata({ state }) }),
    );
    await next.recover();
    const after = await next.status(alice, view.id);
    const file = await next.file(alice, after.file?.id ?? "");
    expect(await readManifest(next, file)).toHaveLength(file.manifestSize);
  });
});

describe("a request that gets its claim after the grace of a shutdown", () => {
  it("is refused, so that the shutdown ends", async () => {
    const clock = createVirtualClock();
    const gate = Promise.withResolvers<void>();
    const storage: RegionStorage = { ...createMemoryStorage(), flush: () => gate.promise };
    const { engine, view } = await begin({ clock, storage });
    const put = (body: ReturnType<typeof createBody>): Promise<unknown> =>
      codeOf(putParts(engine, view, content, [0, 2], { body, transfer: "transfer-1" }));
    const early = createBody();
    const first = put(early);
    early.push(content.subarray(0, PART));
    await turn();
    clock.advance(60);
    await turn();
    const second = put(createBody());
    await turn();
    const drained = engine.drain(5000);
    clock.advance(5000);
    await turn();
    gate.resolve();
    await drained;
    expect(await first).toBe("part_busy");
    expect(await second).toBe("shutting_down");
  });
});

describe("a seal that fails while the record has no room", () => {
  it("is healed all the same: the next complete finds a storage that takes it", async () => {
    const real = createMemoryStorage();
    let poison: HoldfastError | undefined;
    const storage: RegionStorage = {
      ...real,
      async seal(id, size) {
        if (poison) throw poison;
        await real.seal(id, size);
      },
      async reset() {
        poison = undefined;
      },
    };
    let isFull = true;
    const metadata = createMemoryMetadata({
      async onApply(point, { kind }) {
        if (kind === "reopen" && isFull && point === "before-durable")
          throw new HoldfastError("storage_full");
      },
    });
    const { engine, view } = await begin({ storage, metadata });
    await putParts(engine, view, content, [0, 3]);
    poison = new HoldfastError("storage_failed");
    expect(await codeOf(engine.complete(alice, view.id, {}))).toBe("storage_full");
    isFull = false;
    for (let count = 0; count < 10; count++) await turn();
    expect(await engine.complete(alice, view.id, {})).toMatchObject({ state: "complete" });
  });
});

describe("an offset that is asked for while the file is being published", () => {
  it("is told once the file is there", async () => {
    const inner = createMemoryMetadata();
    let asking: Promise<unknown> | undefined;
    const metadata: MetadataStore = {
      ...inner,
      async apply(change) {
        const version = await inner.apply(change);
        if (change.kind === "publish") asking = engine.offset(alice, view.id);
        if (asking) await turn();
        return version;
      },
    };
    const { engine, view } = await begin({ metadata });
    await putParts(engine, view, content, [0, 3]);
    await engine.complete(alice, view.id, {});
    expect(await asking).toMatchObject({ offset: content.length });
  });
});

describe("an abort", () => {
  it("tells a request that it overtook that the upload has ended", async () => {
    const reached = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const real = createMemoryStorage();
    const storage: RegionStorage = {
      ...real,
      async flush(id) {
        reached.resolve();
        await gate.promise;
        await real.flush(id);
      },
    };
    const { engine, view } = await begin({ storage });
    const put = codeOf(putParts(engine, view, content, [0, 1]));
    await reached.promise;
    const aborted = engine.abort(alice, view.id);
    await turn();
    gate.resolve();
    await aborted;
    expect(await put).toBe("upload_ended");
  });
});

describe("a storage that could not even begin", () => {
  it("harms nothing: the upload is not read back", async () => {
    let isOut = true;
    const real = createMemoryStorage();
    const storage: RegionStorage = {
      ...real,
      async write(...args) {
        if (isOut) throw new HoldfastError("storage_failed", "EMFILE", { isHarmless: true });
        await real.write(...args);
      },
    };
    const { engine, view } = await begin({ storage });
    expect(await codeOf(putParts(engine, view, content, [0, 1]))).toBe("storage_failed");
    isOut = false;
    expect(await codeOf(putParts(engine, view, content, [0, 1]))).toBe("ok");
  });
});
