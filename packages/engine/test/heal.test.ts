// After an I/O error nothing is guessed: what is committed is read back, what is bad is withdrawn, the upload goes on.
import { createEngine, type Engine, type RegionStorage } from "@holdfast/engine";
import { HoldfastError, KIB, partRanges, type UploadView } from "@holdfast/protocol";
import { createVirtualClock, type VirtualClock } from "@holdfast/testkit/clock";
import { createMemoryMetadata, type MemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import { alice, createRequest, memoryParts, putParts, readAll } from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const PART = 256 * KIB;
const content = createRandom("content").bytes(3 * PART);

type Fault = "write" | "flush" | "read" | "seal";

interface Faulty {
  readonly engine: Engine;
  readonly view: UploadView;
  readonly clock: VirtualClock;
  readonly metadata: MemoryMetadata;
  /** Operations that fail from now on. */
  readonly faults: Set<Fault>;
  readonly resets: () => number;
  /** Bytes that reading gives instead of what was written. */
  readonly corrupt: Map<number, number>;
}

async function begin(metadata: MemoryMetadata = createMemoryMetadata()): Promise<Faulty> {
  const real = createMemoryStorage();
  const clock = createVirtualClock();
  const faults = new Set<Fault>();
  const corrupt = new Map<number, number>();
  let resets = 0;
  const check = (fault: Fault) => {
    if (faults.has(fault)) throw new HoldfastError("storage_failed", `${fault} failed`);
  };
  const storage: RegionStorage = {
    ...real,
    async write(...args) {
      check("write");
      await real.write(...args);
    },
    async flush(...args) {
      check("flush");
      await real.flush(...args);
    },
    async seal(...args) {
      check("seal");
      await real.seal(...args);
    },
    async read(object, offset, into, origin) {
      check("read");
      const size = await real.read(object, offset, into);
      for (const [at, value] of corrupt) {
        if (origin === "medium" && at >= offset && at < offset + size) into[at - offset] = value;
      }
      return size;
    },
    async reset(id) {
      resets++;
      await real.reset(id);
    },
  };
  const engine = createEngine(memoryParts({ storage, clock, metadata }));
  const view = await engine.create(alice, createRequest(content.length));
  return { engine, view, clock, metadata, faults, corrupt, resets: () => resets };
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 500; turn++) await Promise.resolve();
}

async function ranges(engine: Engine, view: UploadView): Promise<unknown> {
  return [...partRanges((await engine.status(alice, view.id)).committed)];
}

describe.each(["write", "flush"] as const)("a failed %s", (fault) => {
  it("commits nothing of it, resets the storage, and lets the upload go on", async () => {
    const { engine, view, faults, resets } = await begin();
    await putParts(engine, view, content, [0, 1]);
    faults.add(fault);
    await expect(putParts(engine, view, content, [1, 2])).rejects.toMatchObject({
      code: "storage_failed",
    });
    faults.clear();
    await settled();
    expect(resets()).toBe(1);
    expect(await ranges(engine, view)).toEqual([[0, 1]]);
    await putParts(engine, view, content, [1, 3]);
    const done = await engine.complete(alice, view.id, {});
    expect(await readAll(engine, done)).toEqual(Buffer.from(content));
  });
});

describe("while an upload is recovering", () => {
  it("refuses writes and complete, answers status, and waits for a medium that cannot be read", async () => {
    const { engine, view, clock, faults } = await begin();
    await putParts(engine, view, content, [0, 1]);
    faults.add("flush").add("read");
    await expect(putParts(engine, view, content, [1, 2])).rejects.toThrow();
    await settled();
    const refused = { code: "recovering" };
    await expect(putParts(engine, view, content, [2, 3])).rejects.toMatchObject(refused);
    await expect(engine.complete(alice, view.id, {})).rejects.toMatchObject({
      code: "recovering",
    });
    expect(await ranges(engine, view)).toEqual([[0, 1]]);
    faults.clear();
    clock.advance(5000);
    await settled();
    expect((await putParts(engine, view, content, [1, 3])).committed).toBe(3);
  });

  it("can be aborted", async () => {
    const { engine, view, clock, faults } = await begin();
    faults.add("flush").add("read");
    await putParts(engine, view, content, [0, 1]).catch(() => undefined);
    await settled();
    await engine.abort(alice, view.id);
    clock.advance(5000);
    await settled();
    expect((await engine.status(alice, view.id)).state).toBe("aborted");
  });
});

describe("a commitment whose bytes are bad", () => {
  it("is withdrawn durably and asked for again", async () => {
    const { engine, view, metadata, faults, corrupt } = await begin();
    await putParts(engine, view, content, [0, 2]);
    corrupt.set(PART + 3, (content[PART + 3] ?? 0) ^ 255);
    faults.add("flush");
    await putParts(engine, view, content, [2, 3]).catch(() => undefined);
    faults.clear();
    await settled();
    corrupt.clear();
    expect(await ranges(engine, view)).toEqual([[0, 1]]);
    expect((await metadata.upload(view.id))?.epoch).toBe(1);
    await putParts(engine, view, content, [1, 3]);
    const done = await engine.complete(alice, view.id, {});
    expect(await readAll(engine, done)).toEqual(Buffer.from(content));
  });

  it("ends the upload where an offset is told at that moment", async () => {
    const { promise: told, resolve: tell } = Promise.withResolvers<void>();
    const metadata = createMemoryMetadata({
      onApply: (_, { kind }) => (kind === "told" ? told : Promise.resolve()),
    });
    const { engine, view, faults, corrupt } = await begin(metadata);
    await putParts(engine, view, content, [0, 2]);
    const offset = engine.offset(alice, view.id);
    await settled();
    corrupt.set(PART + 3, (content[PART + 3] ?? 0) ^ 255);
    faults.add("flush");
    await putParts(engine, view, content, [2, 3]).catch(() => undefined);
    faults.clear();
    await settled();
    tell();
    expect((await offset).offset).toBe(2 * PART);
    await settled();
    expect((await metadata.upload(view.id))?.state).toBe("failed");
    expect((await engine.status(alice, view.id)).state).toBe("failed");
  });
});

describe("a failed seal", () => {
  it("publishes nothing; the upload is open again with the error, and completes later", async () => {
    const { engine, view, faults } = await begin();
    await putParts(engine, view, content, [0, 3]);
    faults.add("seal");
    await expect(engine.complete(alice, view.id, {})).rejects.toMatchObject({
      code: "storage_failed",
    });
    faults.clear();
    await settled();
    const after = await engine.status(alice, view.id);
    expect(after).toMatchObject({ state: "open", error: { code: "storage_failed" } });
    const done = await engine.complete(alice, view.id, {});
    expect(await readAll(engine, done)).toEqual(Buffer.from(content));
  });
});

describe("an upload whose bytes were removed while no server ran", () => {
  it("asks for all of them again, and publishes only what is whole", async () => {
    const before = createMemoryMetadata();
    const first = createEngine(memoryParts({ metadata: before }));
    const view = await first.create(alice, createRequest(content.length));
    await putParts(first, view, content, [0, 2]);
    const metadata = createMemoryMetadata({ state: before.snapshot() });
    const next = createEngine(memoryParts({ metadata, storage: createMemoryStorage() }));
    await next.status(alice, view.id);
    await settled();
    expect(await ranges(next, view)).toEqual([]);
    await putParts(next, view, content, [0, 3]);
    const done = await next.complete(alice, view.id, {});
    expect(await readAll(next, done)).toEqual(Buffer.from(content));
  });
});
