// append and offset: what is kept, what is refused, who wins.
import { createEngine, type Engine, type RegionStorage } from "@holdfast/engine";
import { HoldfastError, isHoldfastError, KIB, type UploadView } from "@holdfast/protocol";
import { createBody } from "@holdfast/testkit/body";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import {
  alice,
  appendBytes,
  createRequest,
  memoryParts,
  partDigests,
  putParts,
  readAll,
  readDigests,
  sha256,
} from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const PART = 256 * KIB;
const content = createRandom("append").bytes(3 * PART + 5000);

async function turn(): Promise<void> {
  for (let count = 0; count < 10; count++) await new Promise((resolve) => setImmediate(resolve));
}

async function failure(promise: Promise<unknown>): Promise<{ code: string; details: object }> {
  try {
    await promise;
    return { code: "ok", details: {} };
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    return { code: error.code, details: error.details };
  }
}

const codeOf = async (promise: Promise<unknown>): Promise<string> => (await failure(promise)).code;

interface Begun {
  readonly engine: Engine;
  readonly view: UploadView;
}

async function begin(
  parts: Parameters<typeof memoryParts>[0] = {},
  size: number | undefined = content.length,
): Promise<Begun> {
  const engine = createEngine(memoryParts(parts));
  const { size: _, ...request } = createRequest(0);
  const view = await engine.create(alice, { ...request, ...(size === undefined ? {} : { size }) });
  return { engine, view };
}

const unsized = (parts: Parameters<typeof memoryParts>[0] = {}): Promise<Begun> => {
  const engine = createEngine(memoryParts(parts));
  const { size: _, ...request } = createRequest(0);
  const maxSize = 10 * PART;
  return engine.create(alice, { ...request, maxSize }).then((view) => ({ engine, view }));
};

describe("append", () => {
  it("fills the grid in order and publishes with the last bytes", async () => {
    const { engine, view } = await begin();
    const cuts = [0, 1, 4096, 5000, PART - 1, PART, PART + 4097, 3 * PART, content.length];
    for (const [step, at] of cuts.slice(0, -1).entries()) {
      const end = cuts[step + 1] ?? 0;
      const isLast = end === content.length;
      const told = await appendBytes(engine, view, at, content.subarray(at, end), { isLast });
      expect(told).toMatchObject({ offset: end, isComplete: isLast, size: content.length });
      const seen = await engine.status(alice, view.id);
      expect(seen.offset).toBe(end);
    }
    const done = await engine.status(alice, view.id);
    expect(await readDigests(engine, view)).toEqual(Buffer.concat(partDigests(view, content)));
    expect(await readAll(engine, done)).toEqual(Buffer.from(content));
  });

  it("keeps up with a slow sender: what came is durable seconds later, not when a slot is full", async () => {
    const clock = createVirtualClock();
    const { engine, view } = await begin({ clock });
    const body = createBody(undefined, { isExact: false, monotonic: clock.monotonic });
    const appending = engine.append(alice, { id: view.id, at: 0, isLast: false, body });
    for (const end of [1024, 2048, 5000, 9000]) {
      const { offset } = await engine.status(alice, view.id);
      body.push(content.subarray(offset, end));
      await turn();
      clock.advance(2_000);
      await turn();
      clock.advance(100);
      await turn();
      expect((await engine.status(alice, view.id)).offset).toBe(end);
    }
    body.end();
    expect(await appending).toMatchObject({ offset: 9000 });
  });

  it("takes up a tail after a restart, from what is stored", async () => {
    const storage = createMemoryStorage();
    let metadata = createMemoryMetadata();
    const first = await begin({ storage, metadata });
    let at = 0;
    let engine = first.engine;
    for (const size of [100, 5000, PART, 4096, 7, 2 * PART]) {
      const bytes = content.subarray(at, at + size);
      at += bytes.length;
      await appendBytes(engine, first.view, at - bytes.length, bytes);
      metadata = createMemoryMetadata({ state: metadata.snapshot() });
      engine = createEngine(memoryParts({ storage, metadata, random: createRandom(at) }));
      expect(await engine.offset(alice, first.view.id)).toMatchObject({ offset: at });
    }
    await appendBytes(engine, first.view, at, content.subarray(at), { isLast: true });
    const done = await engine.status(alice, first.view.id);
    expect(await readAll(engine, done)).toEqual(Buffer.from(content));
  });

  it("never writes where committed bytes are", async () => {
    const real = createMemoryStorage();
    const written: [number, number][] = [];
    const storage: RegionStorage = {
      ...real,
      async write(id, offset, slot, size) {
        written.push([offset, offset + size]);
        await real.write(id, offset, slot, size);
      },
    };
    const { engine, view } = await begin({ storage });
    for (let at = 0; at < content.length; at += 9973) {
      const committed = at - (at % 4096);
      written.length = 0;
      const isLast = at + 9973 >= content.length;
      await appendBytes(engine, view, at, content.subarray(at, at + 9973), { isLast });
      for (const [start] of written) expect(start).toBeGreaterThanOrEqual(committed);
    }
  });

  it("refuses a wrong offset and tells the right one, durably first", async () => {
    const told: string[] = [];
    const metadata = createMemoryMetadata({
      onApply: async (_, { kind }) => void told.push(kind),
    });
    const { engine, view } = await begin({ metadata });
    const refusal = await failure(appendBytes(engine, view, 5, content.subarray(5, 9)));
    expect(refusal).toEqual({ code: "offset_mismatch", details: { offset: 0 } });
    expect(told).toContain("told");
    await appendBytes(engine, view, 0, content.subarray(0, 9));
    const late = await failure(appendBytes(engine, view, 0, content.subarray(0, 9)));
    expect(late).toEqual({ code: "offset_mismatch", details: { offset: 9 } });
  });

  it("keeps every byte of a body that is cut, and never ends the upload with it", async () => {
    const { engine, view } = await unsized();
    const body = createBody();
    const appending = codeOf(appendBytes(engine, view, 0, content, { body, isLast: true }));
    body.push(content.subarray(0, PART + 777));
    await turn();
    expect(await engine.offset(alice, view.id)).toMatchObject({ offset: PART + 777 });
    expect(await appending).toBe("append_in_progress");
    const after = await engine.status(alice, view.id);
    expect(after).toMatchObject({ state: "open", hasSize: false, offset: PART + 777 });
  });

  it("commits every 50 ms while bytes come", async () => {
    const clock = createVirtualClock();
    const { engine, view } = await begin({ clock });
    const body = createBody();
    const appending = appendBytes(engine, view, 0, content, { body });
    body.push(content.subarray(0, PART));
    await turn();
    clock.advance(50);
    await turn();
    const seen = await engine.status(alice, view.id);
    expect(seen.offset).toBe(PART);
    body.push(content.subarray(PART));
    body.end();
    expect(await appending).toMatchObject({ offset: content.length, isComplete: false });
  });

  it("goes the way of the newest: each one ends the one before, and a tail survives all", async () => {
    const { engine, view } = await begin();
    let at = 0;
    const open: Promise<string>[] = [];
    for (const size of [10, 5000, PART, 333]) {
      const body = createBody();
      open.push(codeOf(appendBytes(engine, view, at, content, { body })));
      await turn();
      body.push(content.subarray(at, at + size));
      at += size;
      await turn();
      expect((await engine.offset(alice, view.id)).offset).toBe(at);
    }
    expect(new Set(await Promise.all(open))).toEqual(new Set(["append_in_progress"]));
    await appendBytes(engine, view, at, content.subarray(at), { isLast: true });
    const done = await engine.status(alice, view.id);
    expect(await readAll(engine, done)).toEqual(Buffer.from(content));
  });

  it("is all or nothing where it has a digest", async () => {
    const { engine, view } = await begin();
    const piece = content.subarray(0, PART + 100);
    const wrong = appendBytes(engine, view, 0, piece, { digest: sha256(content) });
    expect(await codeOf(wrong)).toBe("digest_mismatch");
    expect(await engine.offset(alice, view.id)).toMatchObject({ offset: 0 });
    const body = createBody();
    const cut = codeOf(appendBytes(engine, view, 0, piece, { body, digest: sha256(piece) }));
    body.push(piece.subarray(0, PART + 50));
    await turn();
    expect(await engine.offset(alice, view.id)).toMatchObject({ offset: 0 });
    expect(await cut).toBe("append_in_progress");
    const right = await appendBytes(engine, view, 0, piece, { digest: sha256(piece) });
    expect(right.offset).toBe(piece.length);
  });

  it("fails the upload whose tail proves bad, since its offset was told", async () => {
    const real = createMemoryStorage();
    let isBad = false;
    const storage: RegionStorage = {
      ...real,
      async read(object, offset, into, origin) {
        const size = await real.read(object, offset, into, origin);
        if (isBad) into[0] = (into[0] ?? 0) ^ 1;
        return size;
      },
    };
    const metadata = createMemoryMetadata();
    const { engine, view } = await begin({ storage, metadata });
    await appendBytes(engine, view, 0, content.subarray(0, 9000));
    isBad = true;
    const next = createEngine(
      memoryParts({ storage, metadata: createMemoryMetadata({ state: metadata.snapshot() }) }),
    );
    expect(await codeOf(appendBytes(next, view, 9000, content.subarray(9000)))).toBe("recovering");
    await turn();
    expect(await codeOf(next.offset(alice, view.id))).toBe("upload_ended");
    const after = await next.status(alice, view.id);
    expect(after.state).toBe("failed");
  });

  it("commits what came before a full disk, and goes on when there is room", async () => {
    const real = createMemoryStorage();
    let isFull = false;
    const storage: RegionStorage = {
      ...real,
      async write(id, offset, slot, size) {
        if (isFull && offset >= 2 * PART) throw new HoldfastError("storage_full");
        await real.write(id, offset, slot, size);
      },
    };
    const { engine, view } = await begin({ storage });
    isFull = true;
    expect(await codeOf(appendBytes(engine, view, 0, content))).toBe("storage_full");
    const { offset } = await engine.offset(alice, view.id);
    expect(offset).toBe(2 * PART);
    isFull = false;
    await appendBytes(engine, view, offset, content.subarray(offset), { isLast: true });
    const done = await engine.status(alice, view.id);
    expect(await readAll(engine, done)).toEqual(Buffer.from(content));
  });
});

describe("an upload that takes parts and appends", () => {
  it("writes only what is behind the tail, in the part that a PUT makes", async () => {
    const { engine, view } = await begin();
    await appendBytes(engine, view, 0, content.subarray(0, PART + 5001));
    await putParts(engine, view, content, [1, 2]);
    const seen = await engine.offset(alice, view.id);
    expect(seen.offset).toBe(2 * PART);
    await appendBytes(engine, view, 2 * PART, content.subarray(2 * PART), { isLast: true });
    const done = await engine.status(alice, view.id);
    expect(await readAll(engine, done)).toEqual(Buffer.from(content));
  });

  it("refuses a part whose beginning is not the tail", async () => {
    const { engine, view } = await begin();
    await appendBytes(engine, view, 0, content.subarray(0, 5001));
    const other = content.slice();
    other[4999] = (other[4999] ?? 0) ^ 1;
    const refusal = await failure(putParts(engine, view, other, [0, 1]));
    expect(refusal).toEqual({ code: "part_conflict", details: { index: 0 } });
    expect(await engine.offset(alice, view.id)).toMatchObject({ offset: 5001 });
    await appendBytes(engine, view, 5001, content.subarray(5001), { isLast: true });
  });

  it("compares an append with committed parts, and tells the contiguous offset", async () => {
    const { engine, view } = await begin();
    await putParts(engine, view, content, [1, 3]);
    const jumped = await appendBytes(engine, view, 0, content.subarray(0, PART));
    expect(jumped.offset).toBe(3 * PART);
  });

  it("refuses other bytes for a committed part at that part's start", async () => {
    const { engine, view } = await begin();
    await putParts(engine, view, content, [1, 2]);
    const other = content.slice();
    other[PART + 9] = (other[PART + 9] ?? 0) ^ 1;
    const refusal = await failure(appendBytes(engine, view, 0, other));
    expect(refusal).toEqual({ code: "part_conflict", details: { index: 1, at: PART } });
    expect(await engine.offset(alice, view.id)).toMatchObject({ offset: 2 * PART });
  });

  it("lets the same bytes pass over committed parts", async () => {
    const { engine, view } = await begin();
    await putParts(engine, view, content, [1, 2]);
    await putParts(engine, view, content, [3, 4]);
    const done = await appendBytes(engine, view, 0, content, { isLast: true });
    expect(done.isComplete).toBe(true);
    const after = await engine.status(alice, view.id);
    expect(await readAll(engine, after)).toEqual(Buffer.from(content));
  });

  it("keeps a part out while an append is alive, and takes over after 2 s or by the same transfer", async () => {
    const clock = createVirtualClock();
    const { engine, view } = await begin({ clock });
    const body = createBody(undefined, { monotonic: clock.monotonic });
    const held = codeOf(appendBytes(engine, view, 0, content, { body, transfer: "transfer-1" }));
    await turn();
    body.push(content.subarray(0, 5000));
    await turn();
    const refused = await failure(putParts(engine, view, content, [0, 1]));
    expect(refused).toEqual({ code: "append_in_progress", details: { retryAfter: 2 } });
    await putParts(engine, view, content, [0, 1], { transfer: "transfer-1" });
    expect(await held).toBe("part_busy");
    const quiet = createBody(undefined, { monotonic: clock.monotonic });
    const silent = codeOf(appendBytes(engine, view, PART, content, { body: quiet }));
    await turn();
    clock.advance(2000);
    await putParts(engine, view, content, [1, 2]);
    expect(await silent).toBe("part_busy");
  });

  it("keeps an append out of parts that are being written", async () => {
    const { engine, view } = await begin();
    const body = createBody();
    const put = putParts(engine, view, content, [1, 2], { body });
    await turn();
    body.push(content.subarray(PART, PART + 10));
    expect(await codeOf(appendBytes(engine, view, 0, content))).toBe("part_busy");
    expect((await appendBytes(engine, view, 0, content.subarray(0, PART))).offset).toBe(PART);
    body.push(content.subarray(PART + 10, 2 * PART));
    body.end();
    await put;
  });
});

describe("an upload of unknown size", () => {
  it("gets its size with the last bytes, and only then a short part", async () => {
    const { engine, view } = await unsized();
    expect(view).toMatchObject({ hasSize: false, size: 10 * PART });
    await appendBytes(engine, view, 0, content.subarray(0, 2 * PART + 3));
    const end = await appendBytes(engine, view, 2 * PART + 3, content.subarray(2 * PART + 3), {
      isLast: true,
    });
    expect(end).toMatchObject({ offset: content.length, isComplete: true, size: content.length });
    const done = await engine.status(alice, view.id);
    expect(done).toMatchObject({ hasSize: true, size: content.length, state: "complete" });
    expect(await readAll(engine, done)).toEqual(Buffer.from(content));
    const file = await engine.file(alice, done.file?.id ?? "");
    let size = 0;
    for await (const piece of await engine.manifest(file)) size += piece.length;
    expect(size).toBe(file.manifestSize);
  });

  it.each([0, 1, 4096, 5000, PART, PART + 4096, PART + 1])(
    "ends where an empty last append says: at %i",
    async (size) => {
      const { engine, view } = await unsized();
      if (size > 0) await appendBytes(engine, view, 0, content.subarray(0, size));
      const end = await appendBytes(engine, view, size, new Uint8Array(), { isLast: true });
      expect(end).toMatchObject({ offset: size, isComplete: true, size });
      const again = await appendBytes(engine, view, size, new Uint8Array(), { isLast: true });
      expect(again).toEqual(end);
      const done = await engine.status(alice, view.id);
      expect(await readAll(engine, done)).toEqual(Buffer.from(content.subarray(0, size)));
    },
  );

  it.each([0, 5000, PART, PART + 5000])("ends where complete says: at %i", async (size) => {
    const { engine, view } = await unsized();
    if (size > 0) await appendBytes(engine, view, 0, content.subarray(0, size));
    expect(await codeOf(engine.complete(alice, view.id, {}))).toBe("size_mismatch");
    if (size > 0)
      expect(await codeOf(engine.complete(alice, view.id, { size: size - 1 }))).toBe(
        "size_mismatch",
      );
    const done = await engine.complete(alice, view.id, { size });
    expect(await readAll(engine, done)).toEqual(Buffer.from(content.subarray(0, size)));
    expect((await engine.complete(alice, view.id, { size })).file).toEqual(done.file);
    expect(await codeOf(engine.complete(alice, view.id, { size: size + 1 }))).toBe("size_mismatch");
  });

  it.each(["with a last append", "by complete"])(
    "may be the most that there may be, though no part ends there: %s",
    async (how) => {
      const engine = createEngine(memoryParts());
      const { size: _, ...request } = createRequest(0);
      const size = PART + 1000;
      const view = await engine.create(alice, { ...request, maxSize: size });
      await appendBytes(engine, view, 0, content.subarray(0, size));
      if (how === "by complete") await engine.complete(alice, view.id, { size });
      else await appendBytes(engine, view, size, new Uint8Array(), { isLast: true });
      const done = await engine.status(alice, view.id);
      expect(await readAll(engine, done)).toEqual(Buffer.from(content.subarray(0, size)));
    },
  );

  it.each([5000, PART + 4096])(
    "makes the tail a part where all bytes come again: %i",
    async (size) => {
      const { engine, view } = await unsized();
      const bytes = content.subarray(0, size);
      await appendBytes(engine, view, 0, bytes);
      const again = {
        id: view.id,
        at: "start",
        size,
        isLast: true,
        body: createBody(bytes),
      } as const;
      expect(await engine.append(alice, again)).toMatchObject({ isComplete: true });
      const done = await engine.status(alice, view.id);
      expect(await readAll(engine, done)).toEqual(Buffer.from(bytes));
    },
  );

  it("takes whole parts in any order, and a short one with its size", async () => {
    const { engine, view } = await unsized();
    const known = { ...view, size: content.length };
    await putParts(engine, known, content, [2, 3]);
    expect(await codeOf(putParts(engine, known, content, [3, 4]))).toBe("body_size_mismatch");
    const put = (run: readonly [number, number], size: number): Promise<unknown> => {
      const bytes = content.subarray(run[0] * PART, Math.min(content.length, run[1] * PART));
      const digests = new Map([[known.digest, partDigests(known, content, run)]]);
      const command = { id: view.id, run, digests, body: createBody(bytes), size };
      return engine.putRun(alice, { ...command, bodySize: bytes.length });
    };
    await put([3, 4], content.length);
    expect(await codeOf(put([0, 1], content.length + 1))).toBe("size_mismatch");
    await put([0, 2], content.length);
    const done = await engine.complete(alice, view.id, {});
    expect(await readAll(engine, done)).toEqual(Buffer.from(content));
  });

  it.each([5000, 8192, PART - 1, PART + 1])(
    "has all of its bytes where a part comes with a size that makes it of the tail alone: %i",
    async (size) => {
      const bytes = content.subarray(0, size);
      const { engine, view } = await unsized();
      await appendBytes(engine, view, 0, bytes);
      const known = { ...view, size };
      const last = Math.floor(size / PART);
      const digests = new Map([[view.digest, partDigests(known, bytes, [last, last + 1])]]);
      const body = createBody(bytes.subarray(last * PART));
      await engine.putRun(alice, { id: view.id, run: [last, last + 1], digests, body, size });
      const done = await engine.complete(alice, view.id, {});
      expect(await readAll(engine, done)).toEqual(Buffer.from(bytes));
    },
  );

  it("gets it from whoever finds another one silent there, and waits for who is not", async () => {
    const clock = createVirtualClock();
    const { engine, view } = await unsized({ clock });
    const body = createBody(undefined, { monotonic: clock.monotonic });
    const held = codeOf(appendBytes(engine, view, 0, content, { body }));
    await turn();
    body.push(content.subarray(0, 5000));
    await turn();
    const complete = () => engine.complete(alice, view.id, { size: 5000 });
    expect(await codeOf(complete())).toBe("append_in_progress");
    clock.advance(2000);
    const done = await complete();
    expect(await held).toBe("part_busy");
    expect(await readAll(engine, done)).toEqual(Buffer.from(content.subarray(0, 5000)));
  });

  it.each(["tus", undefined] as const)(
    "is a file at the offset that is its size, though a crash came between the two: begun by %s",
    async (protocol) => {
      const metadata = createMemoryMetadata();
      const parts = memoryParts({ metadata });
      const { size: _, ...request } = createRequest(0);
      const wants = { ...request, maxSize: 10 * PART };
      const first = createEngine(parts);
      const view = await first.create(alice, wants, undefined, protocol ? { protocol } : {});
      await appendBytes(first, view, 0, content.subarray(0, PART + 5000));
      await metadata.apply({ kind: "fix-size", id: view.id, size: PART + 5000, limits: {} });
      const engine = createEngine(parts);
      expect(await engine.offset(alice, view.id)).toMatchObject({ isComplete: false });
      const told = await engine.offset(alice, view.id, "at-size");
      expect(told).toMatchObject({ offset: PART + 5000, isComplete: true });
      const done = await engine.status(alice, view.id);
      expect(await readAll(engine, done)).toEqual(Buffer.from(content.subarray(0, PART + 5000)));
    },
  );

  it("has the digests of a large grid only as far as there are any", async () => {
    const { size: _, ...request } = createRequest(0);
    const metadata = createMemoryMetadata();
    const storage = createMemoryStorage();
    let engine = createEngine(memoryParts({ metadata, storage }));
    const view = await engine.create(alice, { ...request, maxSize: 50_000 * PART });
    const known = { ...view, size: content.length };
    await putParts(engine, known, content, [2, 3]);
    await appendBytes(engine, view, 0, content.subarray(0, PART + 9));
    engine = createEngine(
      memoryParts({ storage, metadata: createMemoryMetadata({ state: metadata.snapshot() }) }),
    );
    await putParts(engine, known, content, [1, 2]);
    const digests = await readDigests(engine, view);
    const expected = Buffer.concat(partDigests(known, content, [0, 3]));
    expect(digests).toHaveLength(50_000 * 32);
    expect(Buffer.from(digests.subarray(0, 96))).toEqual(expected);
    expect(digests.subarray(96).every((byte) => byte === 0)).toBe(true);
    await appendBytes(engine, view, 3 * PART, content.subarray(3 * PART), { isLast: true });
    const done = await engine.status(alice, view.id);
    expect(await readAll(engine, done)).toEqual(Buffer.from(content));
  });

  it("never gets a size that cuts what is committed", async () => {
    const { engine, view } = await unsized();
    await putParts(engine, view, content, [2, 3]);
    const short = await failure(
      appendBytes(engine, view, 0, content.subarray(0, 10), { isLast: true }),
    );
    expect(short.code).toBe("size_mismatch");
    expect(await engine.offset(alice, view.id)).toMatchObject({ offset: 10 });
    expect(await codeOf(engine.complete(alice, view.id, { size: 3 * PART - 1 }))).toBe(
      "size_mismatch",
    );
    const large = engine.complete(alice, view.id, { size: 10 * PART + 1 });
    expect(await codeOf(large)).toBe("size_too_large");
  });

  it("is refused beyond its limit, before the body where that is said", async () => {
    const { engine, view } = await unsized();
    const big = new Uint8Array(10 * PART + 1);
    expect(await codeOf(appendBytes(engine, view, 0, big))).toBe("size_too_large");
    expect((await engine.offset(alice, view.id)).offset).toBe(0);
    const body = createBody(big, { isExact: false });
    expect(await codeOf(appendBytes(engine, view, 0, big, { body }))).toBe("size_too_large");
    expect((await engine.offset(alice, view.id)).offset).toBe(10 * PART);
  });
});

describe("what a principal may reserve", () => {
  const poor = { ...alice, limits: { bytesMax: 2 * PART } };

  it("holds an upload of unknown size as it grows", async () => {
    const { engine, view } = await unsized();
    await appendBytes(engine, view, 0, content.subarray(0, 2 * PART), { principal: poor });
    const more = content.subarray(2 * PART, 3 * PART);
    const refused = appendBytes(engine, view, 2 * PART, more, { principal: poor });
    expect(await codeOf(refused)).toBe("quota_exceeded");
    expect(await codeOf(putParts(engine, view, content, [2, 3], { principal: poor }))).toBe(
      "quota_exceeded",
    );
    expect(await engine.offset(alice, view.id)).toMatchObject({ offset: 2 * PART });
    const { id } = view;
    expect(await codeOf(engine.complete(poor, id, { size: 2 * PART }))).toBe("ok");
  });

  it("holds the size that is told late", async () => {
    const { engine, view } = await unsized();
    expect(await codeOf(engine.complete(poor, view.id, { size: 2 * PART + 1 }))).toBe(
      "quota_exceeded",
    );
  });
});

describe("an append that cannot be", () => {
  it("is refused where it goes beyond the size, or ends before it", async () => {
    const { engine, view } = await begin();
    const long = Buffer.concat([content, content.subarray(0, 1)]);
    expect(await codeOf(appendBytes(engine, view, 0, long))).toBe("size_mismatch");
    const short = content.subarray(0, 10);
    expect(await codeOf(appendBytes(engine, view, 0, short, { isLast: true }))).toBe(
      "size_mismatch",
    );
    expect((await engine.offset(alice, view.id)).offset).toBe(0);
    expect(await codeOf(appendBytes(engine, view, 0, content, { size: 7 }))).toBe("size_mismatch");
  });

  it("is refused on an upload that has ended or is complete", async () => {
    const { engine, view } = await begin();
    await appendBytes(engine, view, 0, content, { isLast: true });
    expect(await codeOf(appendBytes(engine, view, 0, content, { isLast: true }))).toBe(
      "upload_not_open",
    );
    expect(await engine.offset(alice, view.id)).toMatchObject({
      offset: content.length,
      isComplete: true,
      fileUrl: expect.stringMatching(/^\/v1\/files\//),
    });
    const other = await begin();
    await appendBytes(other.engine, other.view, 0, content.subarray(0, 99));
    await other.engine.abort(alice, other.view.id);
    expect(await codeOf(other.engine.offset(alice, other.view.id))).toBe("upload_ended");
    expect(await codeOf(appendBytes(other.engine, other.view, 99, content))).toBe("upload_ended");
  });

  it("ends with an abort, at once", async () => {
    const { engine, view } = await begin();
    const body = createBody();
    const appending = codeOf(appendBytes(engine, view, 0, content, { body }));
    await turn();
    body.push(content.subarray(0, 5000));
    await turn();
    await engine.abort(alice, view.id);
    expect(await appending).toBe("upload_ended");
  });
});
