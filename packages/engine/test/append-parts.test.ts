// Appends where a storage takes whole parts: tails as objects, what is bound when, what is left behind.
import { createEngine, type Engine, type Log } from "@holdfast/engine";
import { HoldfastError, isHoldfastError, KIB, MIB, type UploadView } from "@holdfast/protocol";
import { bigBytes } from "@holdfast/testkit/big-bytes";
import { createBody } from "@holdfast/testkit/body";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { type ApplyPoint, createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryParts, type MemoryPartsOptions } from "@holdfast/testkit/storage/parts";
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
const HOUR = 60 * 60 * 1000;
const content = createRandom("append-parts").bytes(3 * PART + 5000);

function makeWorld(
  onCall: MemoryPartsOptions["onCall"] = () => undefined,
  log: Log = () => undefined,
) {
  const clock = createVirtualClock();
  const storage = createMemoryParts({ clock, onCall });
  const changes: string[] = [];
  const onApply = async (when: ApplyPoint, { kind }: { readonly kind: string }) => {
    if (when === "before-durable") changes.push(kind);
  };
  let metadata = createMemoryMetadata({ onApply });
  const engine = createEngine(memoryParts({ storage, metadata, clock, log }));
  let lives = 0;
  return {
    ...{ clock, storage, engine, changes },
    metadata: () => metadata,
    /** Another process, over what is durable. */
    restart(): Engine {
      metadata = createMemoryMetadata({ state: metadata.snapshot(), onApply });
      const random = createRandom(`life ${lives++}`);
      return createEngine(memoryParts({ storage, metadata, clock, random }));
    },
    /** Objects beside the places. */
    objects: () => [...storage.state.objects.keys()],
  };
}

type World = ReturnType<typeof makeWorld>;

function begin(engine: Engine, size?: number): Promise<UploadView> {
  const { size: _, ...request } = createRequest(0);
  const asked = size === undefined ? { maxSize: 10 * PART } : { size };
  return engine.create(alice, { ...request, ...asked });
}

async function turn(): Promise<void> {
  for (let count = 0; count < 20; count++) await new Promise((resolve) => setImmediate(resolve));
}

async function failure(
  promise: Promise<unknown>,
): Promise<Pick<HoldfastError, "code" | "details">> {
  try {
    await promise;
  } catch (error) {
    if (isHoldfastError(error)) return error;
    throw error;
  }
  throw new Error("it went well");
}

const codeOf = async (promise: Promise<unknown>): Promise<string> => (await failure(promise)).code;

/** Runs while time passes. */
async function passing<T>(work: Promise<T>, { clock }: World): Promise<T> {
  let isOver = false;
  const ended = work.finally(() => {
    isOver = true;
  });
  ended.catch(() => undefined);
  while (!isOver) {
    await turn();
    clock.advance(200);
  }
  return work;
}

async function expectContent(engine: Engine, { id }: UploadView, expected = content) {
  const done = await engine.status(alice, id);
  expect(sha256(await readAll(engine, done))).toEqual(sha256(expected));
}

describe("an append into a store of parts", () => {
  it.each(["known", "unknown"])(
    "goes on after a restart anywhere, with a size that is %s",
    async (how) => {
      const world = makeWorld();
      let { engine } = world;
      const view = await begin(engine, how === "known" ? content.length : undefined);
      const cuts = [0, 1, 4096, 5000, PART - 1, PART, PART + 4097, 3 * PART, 3 * PART + 1];
      for (const [step, at] of cuts.entries()) {
        const end = cuts[step + 1] ?? content.length;
        const isLast = end === content.length;
        const told = await appendBytes(engine, view, at, content.subarray(at, end), { isLast });
        expect(told).toMatchObject({ offset: end, isComplete: isLast });
        engine = world.restart();
        if (!isLast) expect((await engine.offset(alice, view.id)).offset).toBe(end);
      }
      expect(await readDigests(engine, view)).toEqual(
        Buffer.concat(partDigests({ ...view, size: content.length }, content)),
      );
      await expectContent(engine, view);
      expect(world.objects()).toEqual([expect.stringMatching(`^${view.id}/manifest/`)]);
    },
  );

  it("sends whole parts as they are, and only the rest as an object", async () => {
    const { engine, objects, storage } = makeWorld();
    const view = await begin(engine, content.length);
    await appendBytes(engine, view, 0, content.subarray(0, 2 * PART + 9));
    const [place] = storage.state.places.values();
    expect([...(place?.parts.keys() ?? [])]).toEqual([0, 1]);
    expect(objects()).toHaveLength(1);
    await appendBytes(engine, view, 2 * PART + 9, content.subarray(2 * PART + 9, 3 * PART));
    expect(objects()).toHaveLength(0);
  });

  it("makes what a slow sender brings durable within 5 s, and before an offset is told", async () => {
    const world = makeWorld();
    const { engine, clock } = world;
    const view = await begin(engine, content.length);
    const body = createBody(undefined, { isExact: false, monotonic: clock.monotonic });
    const sending = codeOf(appendBytes(engine, view, 0, content, { body }));
    body.push(content.subarray(0, 1000));
    await turn();
    clock.advance(2_000);
    await turn();
    clock.advance(3_000);
    await turn();
    expect((await engine.status(alice, view.id)).offset).toBe(1000);
    body.push(content.subarray(1000, PART + 10));
    await turn();
    expect((await engine.offset(alice, view.id)).offset).toBe(PART + 10);
    expect(await sending).toBe("append_in_progress");
    expect((await world.restart().offset(alice, view.id)).offset).toBe(PART + 10);
  });

  it("keeps a part that goes out slowly where the one behind it fails at once, and ends after both", async () => {
    const gate = Promise.withResolvers<void>();
    let puts = 0;
    const { engine } = makeWorld(async (call, when) => {
      if (call !== "putPart" || when !== "before") return;
      if (++puts > 1) throw new HoldfastError("storage_failed");
      await gate.promise;
    });
    const view = await begin(engine, content.length);
    let isOver = false;
    const sending = codeOf(appendBytes(engine, view, 0, content.subarray(0, 2 * PART)));
    void sending.then(() => {
      isOver = true;
    });
    await turn();
    expect({ puts, isOver }).toEqual({ puts: 2, isOver: false });
    gate.resolve();
    expect(await sending).toBe("storage_failed");
    expect((await engine.offset(alice, view.id)).offset).toBe(PART);
  });

  it.each(["without a digest", "with a digest of each body"])(
    "keeps a tail in few objects, however little comes at a time: %s",
    async (how) => {
      const world = makeWorld();
      const { engine, objects, storage } = world;
      const view = await begin(engine, content.length);
      const written = new Set<string>();
      for (let at = 0; at < 300; at++) {
        const byte = content.subarray(at, at + 1);
        const digest = how === "without a digest" ? {} : { digest: sha256(byte) };
        await appendBytes(engine, view, at, byte, digest);
        for (const key of objects()) written.add(key);
        expect(objects().length).toBeLessThanOrEqual(24);
      }
      const sizes = [...storage.state.objects.values()].map(({ length }) => length);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(300);
      expect(written.size).toBeGreaterThan(200);
      await appendBytes(world.restart(), view, 300, content.subarray(300), { isLast: true });
      await expectContent(world.restart(), view);
    },
  );

  it("is all or nothing where it has a digest, binds nothing before it was right, and leaves nothing", async () => {
    const { engine, objects, metadata, changes } = makeWorld();
    const view = await begin(engine, content.length);
    const piece = content.subarray(0, 2 * PART + 100);
    const wrong = appendBytes(engine, view, 0, piece, { digest: sha256(content) });
    expect(await codeOf(wrong)).toBe("digest_mismatch");
    const body = createBody();
    const cut = codeOf(appendBytes(engine, view, 0, piece, { body, digest: sha256(piece) }));
    body.push(piece.subarray(0, 2 * PART + 50));
    await turn();
    expect(objects()).toHaveLength(1);
    expect((await engine.offset(alice, view.id)).offset).toBe(0);
    expect(await cut).toBe("append_in_progress");
    expect(changes).not.toContain("bind");
    expect(objects()).toEqual([]);
    const right = await appendBytes(engine, view, 0, piece, { digest: sha256(piece) });
    expect(right.offset).toBe(piece.length);
    expect(changes.filter((kind) => kind === "append")).toHaveLength(1);
    expect((await metadata().upload(view.id))?.tail?.size).toBe(100);
    expect(objects()).toHaveLength(1);
    const rest = content.subarray(piece.length);
    await appendBytes(engine, view, piece.length, rest, { isLast: true, digest: sha256(rest) });
    await expectContent(engine, view);
  });

  it("is a file where the store lets go of none of its tails, which the sweep finds", async () => {
    let isStuck = true;
    const logged: string[] = [];
    const { engine, objects, clock } = makeWorld(
      (call, when) => {
        if (isStuck && call.startsWith("objects.remove") && when === "before") {
          throw new HoldfastError("storage_failed");
        }
      },
      (_level, event) => void logged.push(event),
    );
    const view = await begin(engine, content.length);
    await appendBytes(engine, view, 0, content.subarray(0, 100));
    await appendBytes(engine, view, 100, content.subarray(100), { isLast: true });
    await expectContent(engine, view);
    const tails = () => objects().filter((key) => key.includes("tail"));
    expect([tails().length > 0, logged.includes("tails.left")]).toEqual([true, true]);
    isStuck = false;
    for (let passes = 0; passes < 3; passes++) {
      clock.advance(7 * HOUR);
      await engine.sweep("server", { isDryRun: false });
    }
    expect(tails()).toEqual([]);
    await expectContent(engine, view);
  });

  it.each(["without a digest", "with a digest over it"])(
    "keeps what a record may name whose answer was lost, of a body %s",
    async (how) => {
      const { storage } = makeWorld();
      let isLost = true;
      const metadata = createMemoryMetadata({
        async onApply(point, { kind }) {
          if (kind !== "append" || point !== "before-acknowledged" || !isLost) return;
          isLost = false;
          throw new HoldfastError("storage_failed");
        },
      });
      const engine = createEngine(memoryParts({ storage, metadata }));
      // More than one object has, and less than a part.
      const all = bigBytes("lost", 9 * MIB + 5);
      const view = await engine.create(alice, createRequest(all.length, { partSize: 16 * MIB }));
      const piece = all.subarray(0, -5);
      const digest = how === "without a digest" ? {} : { digest: sha256(piece) };
      expect(await codeOf(appendBytes(engine, view, 0, piece, digest))).toBe("storage_failed");
      const after = createMemoryMetadata({ state: metadata.snapshot() });
      const next = createEngine(memoryParts({ storage, metadata: after }));
      const { offset } = await next.offset(alice, view.id);
      expect(offset).toBeGreaterThanOrEqual(8 * MIB);
      await appendBytes(next, view, offset, all.subarray(offset), { isLast: true });
      await expectContent(next, view, all);
    },
  );

  it.each([0, 1, PART, PART + 1, 2 * PART + 77])(
    "ends an upload of unknown size at %i, by its last append or by complete",
    async (size) => {
      const bytes = content.subarray(0, size);
      for (const digest of [undefined, sha256(bytes)]) {
        const { engine } = makeWorld();
        const view = await begin(engine);
        const how = { isLast: true, ...(digest ? { digest } : {}) };
        const told = await appendBytes(engine, view, 0, bytes, how);
        expect(told).toMatchObject({ offset: size, isComplete: true, size });
        await expectContent(engine, view, bytes);
      }
      const { engine, objects } = makeWorld();
      const view = await begin(engine);
      if (size > 0) await appendBytes(engine, view, 0, bytes);
      const done = await engine.complete(alice, view.id, { size });
      expect(sha256(await readAll(engine, done))).toEqual(sha256(bytes));
      expect(objects()).toEqual([expect.stringMatching(`^${view.id}/manifest/`)]);
    },
  );

  it("fixes the size before it binds the part that is short by it", async () => {
    const { engine, changes } = makeWorld();
    const view = await begin(engine);
    await appendBytes(engine, view, 0, content.subarray(0, 100), { isLast: true });
    expect(changes.indexOf("fix-size")).toBeGreaterThan(0);
    expect(changes.indexOf("bind")).toBeGreaterThan(changes.indexOf("fix-size"));
  });

  it.each(["at-size", "last"])(
    "becomes a part by a size that comes with no bytes, and with their digest (%s)",
    async (how) => {
      const { engine } = makeWorld();
      const view = await begin(engine);
      const size = PART + 1000;
      await appendBytes(engine, view, 0, content.subarray(0, size));
      const nothing = { body: createBody(new Uint8Array()), digest: sha256(new Uint8Array()) };
      const ends = how === "last" ? {} : ({ completes: "at-size" } as const);
      const end = { id: view.id, at: size, size, isLast: how === "last", ...ends, ...nothing };
      expect(await engine.append(alice, end)).toMatchObject({ offset: size, isComplete: true });
      await expectContent(engine, view, content.subarray(0, size));
    },
  );

  it.each(["with", "without"])(
    "becomes a part where all bytes come again, %s their digest",
    async (how) => {
      const { engine, objects } = makeWorld();
      const view = await begin(engine);
      const bytes = content.subarray(0, PART + 1000);
      await appendBytes(engine, view, 0, bytes);
      const digest = how === "with" ? { digest: sha256(bytes) } : {};
      const again = { id: view.id, at: "start", size: bytes.length, isLast: true } as const;
      const told = await engine.append(alice, { ...again, body: createBody(bytes), ...digest });
      expect(told).toMatchObject({ isComplete: true });
      await expectContent(engine, view, bytes);
      expect(objects()).toEqual([expect.stringMatching(`^${view.id}/manifest/`)]);
    },
  );

  it("never gets a size beyond what its owner may have, and keeps what came", async () => {
    const { engine } = makeWorld();
    const view = await begin(engine);
    const principal = { ...alice, limits: { bytesMax: 50 } };
    const sent = appendBytes(engine, view, 0, content.subarray(0, 100), {
      isLast: true,
      principal,
    });
    expect(await codeOf(sent)).toBe("quota_exceeded");
    expect(await engine.status(alice, view.id)).toMatchObject({ hasSize: false, offset: 100 });
  });
});

describe("an upload with a tail in a store of parts", () => {
  async function withTail(onCall?: MemoryPartsOptions["onCall"]) {
    const world = makeWorld(onCall);
    const view = await begin(world.engine, content.length);
    await appendBytes(world.engine, view, 0, content.subarray(0, PART + 5001));
    return { ...world, view };
  }

  it("takes its part by a PUT whose bytes begin with it, and lets go of the tail", async () => {
    const { engine, view, objects } = await withTail();
    const other = content.slice();
    other[PART + 4999] = (other[PART + 4999] ?? 0) ^ 1;
    expect(await codeOf(putParts(engine, view, other, [1, 2]))).toBe("part_conflict");
    expect(objects()).toHaveLength(1);
    await putParts(engine, view, content, [1, 2]);
    expect(objects()).toEqual([]);
    expect((await engine.offset(alice, view.id)).offset).toBe(2 * PART);
    await appendBytes(engine, view, 2 * PART, content.subarray(2 * PART), { isLast: true });
    await expectContent(engine, view);
  });

  it("sends its part through the server, and confirms none that came past it: nobody would compare the bytes with it", async () => {
    const { engine, storage } = makeWorld();
    const view = await begin(engine, content.length);
    const parts = partDigests(view, content).map((digest, index) => ({ index, digest }));
    const signed = await engine.presign(alice, view.id, parts, HOUR);
    await appendBytes(engine, view, 0, content.subarray(0, 777));
    const again = await engine.presign(alice, view.id, parts, HOUR);
    expect(again.server).toMatchObject([{ index: 0, size: PART }]);
    expect(again.storage.map(({ index }) => index)).toEqual([1, 2, 3]);
    const alone = await engine.presign(alice, view.id, parts.slice(0, 1), HOUR);
    expect([alone.server.length, alone.storage.length]).toEqual([1, 0]);
    for (const [index, request] of signed.storage.entries()) {
      storage.bring(request, content.subarray(index * PART, (index + 1) * PART));
    }
    const refusal = { code: "append_in_progress", details: { index: 0 } };
    expect(await failure(engine.confirm(alice, view.id, parts))).toMatchObject(refusal);
    await engine.confirm(alice, view.id, parts.slice(1));
    const done = await appendBytes(engine, view, 777, content.subarray(777, PART), {
      isLast: false,
    });
    expect(done.offset).toBe(content.length);
    expect(await engine.confirm(alice, view.id, parts)).toMatchObject({ committed: parts.length });
  });

  it("keeps an append out of a part that is being confirmed", async () => {
    const gate = Promise.withResolvers<void>();
    const { engine, storage } = makeWorld((call, when) =>
      call === "listed" && when === "before" ? gate.promise : undefined,
    );
    const view = await begin(engine, content.length);
    const parts = partDigests(view, content).map((digest, index) => ({ index, digest }));
    const signed = await engine.presign(alice, view.id, parts, HOUR);
    const [first] = signed.storage;
    if (first) storage.bring(first, content.subarray(0, PART));
    const confirming = engine.confirm(alice, view.id, parts.slice(0, 1));
    await turn();
    const appending = failure(appendBytes(engine, view, 0, content.subarray(0, 10)));
    await turn();
    gate.resolve();
    await confirming;
    expect(await appending).toMatchObject({ code: "offset_mismatch", details: { offset: PART } });
  });

  it("keeps a confirmation out of the parts that an append may reach, unless that is silent", async () => {
    const { engine, storage, clock } = makeWorld();
    const view = await begin(engine, content.length);
    const parts = partDigests(view, content).map((digest, index) => ({ index, digest }));
    const signed = await engine.presign(alice, view.id, parts, HOUR);
    for (const [index, request] of signed.storage.entries()) {
      storage.bring(request, content.subarray(index * PART, (index + 1) * PART));
    }
    const body = createBody(undefined, { monotonic: clock.monotonic });
    const held = codeOf(appendBytes(engine, view, 0, content, { body }));
    await turn();
    expect(await codeOf(engine.confirm(alice, view.id, parts))).toBe("append_in_progress");
    clock.advance(2000);
    await engine.confirm(alice, view.id, parts);
    expect(await held).toBe("part_busy");
  });

  it.each([
    ["abort", (engine: Engine, id: string) => engine.abort(alice, id)],
    [
      "the sweep once it has expired",
      async (engine: Engine, _: string, { clock }: World) => {
        clock.advance(25 * HOUR);
        await engine.sweep("server", { isDryRun: false });
      },
    ],
  ] as const)("leaves nothing after %s", async (_, end) => {
    const world = await withTail();
    await end(world.engine, world.view.id, world);
    expect(world.objects()).toEqual([]);
    expect(world.storage.state.places.size).toBe(0);
  });

  it("fails where its bytes have proved bad, since they were a promise; and then nothing is left", async () => {
    const world = await withTail();
    const [key = ""] = world.objects();
    world.storage.state.objects.set(key, new Uint8Array(5001));
    const engine = world.restart();
    const rest = content.subarray(PART + 5001);
    const code = await passing(codeOf(appendBytes(engine, world.view, PART + 5001, rest)), world);
    expect(code).toBe("upload_ended");
    expect((await engine.status(alice, world.view.id)).state).toBe("failed");
    await engine.sweep("server", { isDryRun: false });
    expect(world.objects()).toEqual([]);
  });

  it("fails, too, where they have turned bad since they were last read", async () => {
    const world = await withTail();
    const { engine, view } = world;
    const [key = ""] = world.objects();
    world.storage.state.objects.delete(key);
    const rest = content.subarray(PART + 5001);
    const code = await passing(codeOf(appendBytes(engine, view, PART + 5001, rest)), world);
    expect(code).toBe("upload_ended");
    expect((await engine.status(alice, view.id)).state).toBe("failed");
  });

  it.each([
    ["objects.put", "before"],
    ["objects.put", "after"],
    ["objects.remove", "before"],
    ["objects.read", "before"],
    ["putPart", "before"],
    ["putPart", "after"],
  ] as const)("goes on after %s failed once %s it was done", async (kind, at) => {
    let isArmed = false;
    const world = await withTail((call, when) => {
      if (!isArmed || call !== kind || when !== at) return;
      isArmed = false;
      throw new HoldfastError("storage_failed");
    });
    const engine = world.restart();
    isArmed = true;
    const { view } = world;
    for (let tries = 0; tries < 2; tries++) {
      const { offset } = await engine.offset(alice, view.id);
      expect(offset).toBeGreaterThanOrEqual(PART + 5001);
      await appendBytes(engine, view, offset, content.subarray(offset, -1)).catch((error) => {
        if (tries > 0 || !isHoldfastError(error)) throw error;
      });
    }
    expect(isArmed).toBe(false);
    const last = content.subarray(-1);
    await appendBytes(engine, view, content.length - 1, last, { isLast: true });
    await expectContent(engine, view);
    expect(world.objects()).toEqual([expect.stringMatching(`^${view.id}/manifest/`)]);
  });
});

describe("a whole file into a store of parts", () => {
  const store = (engine: Engine, bytes: Uint8Array, more = {}) =>
    engine.storeFile(alice, {
      ...{ name: "a", type: "a/b", body: createBody(bytes), bodySize: bytes.length },
      ...more,
    });

  it.each([0, 1, 5000, PART, 2 * PART + 5])("is there, with %i bytes", async (size) => {
    const { engine, objects } = makeWorld();
    const bytes = content.subarray(0, size);
    for (const more of [{}, { digest: sha256(bytes) }, { key: "key" }, { bodySize: undefined }]) {
      const file = await store(engine, bytes, more);
      const pieces: Uint8Array[] = [];
      const range = { start: 0, end: size };
      for await (const piece of engine.read(await engine.file(alice, file.id), range)) {
        pieces.push(piece.slice());
      }
      expect(sha256(Buffer.concat(pieces))).toEqual(sha256(bytes));
    }
    expect(objects().every((key) => key.includes("/manifest/"))).toBe(true);
  });

  it("leaves nothing where its digest is another one, and lets the right bytes come under the same key", async () => {
    const { engine, objects, storage } = makeWorld();
    const bytes = content.subarray(0, 1000);
    for (const key of [undefined, "key"]) {
      const sent = store(engine, bytes, { digest: sha256(content), ...(key ? { key } : {}) });
      expect(await codeOf(sent)).toBe("digest_mismatch");
    }
    expect([objects().length, storage.state.places.size]).toEqual([0, 0]);
    expect((await engine.files(alice, { limit: 9 })).files).toEqual([]);
  });
});
