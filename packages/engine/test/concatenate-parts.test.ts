// Finals over a store of parts, where reading their partials does not go well: faults, lost objects, a store that is silent; and several finals at once.
import { createEngine, type Engine, type PartStorage, type ToldOffset } from "@holdfast/engine";
import { equalBytes, HoldfastError, KIB, type UploadId } from "@holdfast/protocol";
import { createVirtualClock, type VirtualClock } from "@holdfast/testkit/clock";
import { createMemoryMetadata, type MemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryParts, type MemoryParts } from "@holdfast/testkit/storage/parts";
import {
  alice,
  appendBytes,
  createRequest,
  memoryParts,
  putParts,
  readAll,
} from "@holdfast/testkit/world";
import { beforeEach, describe, expect, it } from "vitest";

const HOUR = 60 * 60 * 1000;
const content = createRandom("finals in a store").bytes(900 * KIB + 9);
/** The first one has two parts and ends in none. */
const PIECES = [content.subarray(0, 290 * KIB), content.subarray(290 * KIB)] as const;

type Read = PartStorage["objects"]["read"];

let engine: Engine;
let clock: VirtualClock;
let metadata: MemoryMetadata;
let store: MemoryParts;
let partials: UploadId[];
/** Stands in place of each read of what was made of parts. */
let reading: ((next: () => ReturnType<Read>) => ReturnType<Read>) | undefined;

beforeEach(async () => {
  reading = undefined;
  store = createMemoryParts();
  const read: Read = (object, range) => {
    const next = () => store.objects.read(object, range);
    return reading && object.kind === "bytes" ? reading(next) : next();
  };
  metadata = createMemoryMetadata();
  clock = createVirtualClock();
  const storage = { ...store, objects: { ...store.objects, read } };
  engine = createEngine(memoryParts({ storage, metadata, clock }));
  partials = [];
  for (const piece of PIECES) partials.push(await partial(piece));
});

async function partial(bytes: Uint8Array): Promise<UploadId> {
  const role = { kind: "partial" } as const;
  const wants = createRequest(bytes.length);
  const made = await engine.create(alice, wants, undefined, { protocol: "tus", role });
  await appendBytes(engine, made, 0, bytes);
  return made.id;
}

async function concatenate(
  principal = alice,
  ids: readonly string[] = partials,
): Promise<UploadId> {
  const { size: _, ...request } = createRequest(0);
  const wants = { request, partials: ids, protocol: "tus" } as const;
  return (await engine.concatenate(principal, wants)).id;
}

const told = (id: UploadId): Promise<ToldOffset> => engine.offset(alice, id, "at-size");
const stateOf = async (id: UploadId) => (await metadata.upload(id))?.state;

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "done",
    (error: unknown) => (error instanceof HoldfastError ? error.code : String(error)),
  );
}

async function expectWhole(id: UploadId): Promise<void> {
  expect((await told(id)).isComplete).toBe(true);
  const bytes = await readAll(engine, await engine.status(alice, id));
  expect(equalBytes(bytes, content)).toBe(true);
}

/** Whatever is not waiting for time comes as far as it can. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function pass(ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 500) {
    clock.advance(500);
    await turn();
  }
}

const away = (): never => {
  throw new HoldfastError("storage_failed", "the store is away");
};

async function* halfOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  for await (const piece of pieces) {
    yield piece.subarray(0, piece.length >> 1);
    away();
  }
}

describe("a final over a store of parts", () => {
  it("goes on by itself once the store is there again, from where it was, and nobody has to ask", async () => {
    let reads = 0;
    reading = (next) => {
      reads++;
      return reads === 1 ? next() : reads < 4 ? halfOf(next()) : next();
    };
    const making = concatenate();
    await pass(1000);
    const id = await making;
    expect(await stateOf(id)).toBe("completing");
    await pass(90_000);
    expect(await stateOf(id)).toBe("complete");
    await expectWhole(id);
  });

  it("fails where bytes of a partial are not as they were committed, and shows no file", async () => {
    reading = async function* (next) {
      for await (const piece of next()) yield piece.map((byte) => byte ^ 1);
    };
    const id = await concatenate();
    expect(await metadata.upload(id)).toMatchObject({
      ...{ state: "failed", hasBytes: true },
      error: { code: "storage_failed" },
    });
    expect(await codeOf(told(id))).toBe("upload_ended");
    reading = undefined;
    await engine.sweep("server", { isDryRun: false });
    expect((await metadata.upload(id))?.hasBytes).toBe(false);
    await expectWhole(await concatenate());
  });

  it.each(["before they were one object", "after that"])(
    "fails where the store has lost the bytes of a partial %s, which ends with that",
    async (when) => {
      if (when === "after that") await concatenate();
      const [first] = partials;
      if (!first) throw new Error("there are partials");
      for (const [place, { id }] of store.state.places) {
        if (id === first) store.state.places.delete(place);
      }
      const making = concatenate();
      await pass(5000);
      const id = await making;
      await pass(60_000);
      expect(await stateOf(id)).toBe("failed");
      expect(await stateOf(first)).toBe("failed");
      expect(await codeOf(concatenate())).toBe("upload_ended");
    },
  );

  it("ends at once when it is aborted while the store is silent, and takes nothing along", async () => {
    reading = async function* () {
      yield* [];
      await new Promise<never>(() => undefined);
    };
    const making = concatenate();
    await pass(1000);
    const id = await making;
    expect(await stateOf(id)).toBe("completing");
    await engine.abort(alice, id);
    expect(await metadata.upload(id)).toMatchObject({ state: "aborted", hasBytes: false });
    expect([...store.state.places.values()].map(({ id }) => id)).toEqual(partials);
    reading = undefined;
    await expectWhole(await concatenate());
  });

  it.each(["at-size", undefined] as const)(
    "is not held up by whoever asks how far it is (%s)",
    async (completes) => {
      let isHeld = true;
      let reads = 0;
      reading = async function* (next) {
        reads++;
        while (isHeld) await turn();
        yield* next();
      };
      const making = concatenate();
      await pass(1000);
      const id = await making;
      for (let times = 0; times < 3; times++) {
        const asked = engine.offset(alice, id, completes);
        await pass(1000);
        expect((await asked).isComplete).toBe(false);
      }
      isHeld = false;
      for (let times = 0; times < 100; times++) await turn();
      expect(await stateOf(id)).toBe("complete");
      // Each part of a partial once.
      expect(reads).toBe(2 + 3);
    },
  );

  it("keeps the bytes of partials that are deleted while it reads them, for all that read", async () => {
    let isHeld = true;
    reading = async function* (next) {
      while (isHeld) await turn();
      yield* next();
    };
    const making = Promise.all([concatenate(), concatenate()]);
    await turn();
    for (const id of partials) {
      await engine.abort(alice, id);
      expect(await codeOf(told(id))).toBe("upload_ended");
    }
    const { removed } = await engine.sweep("server", { isDryRun: false });
    expect(removed.count).toBe(0);
    for (const id of partials) expect((await metadata.upload(id))?.hasBytes).toBe(true);
    isHeld = false;
    for (const id of await making) await expectWhole(id);
    await engine.sweep("server", { isDryRun: false });
    for (const id of partials) expect((await metadata.upload(id))?.hasBytes).toBe(false);
    expect(store.state.places.size).toBe(2);
  });

  it("leaves a partial as it is where another server brings a part of it late", async () => {
    const role = { kind: "partial" } as const;
    const wants = createRequest(content.length);
    const made = await engine.create(alice, wants, undefined, { protocol: "tus", role });
    const { promise: may, resolve: goOn } = Promise.withResolvers<void>();
    const putPart: PartStorage["putPart"] = (...args) => may.then(() => store.putPart(...args));
    const server = (host: string, storage: PartStorage) =>
      createEngine(memoryParts({ storage, metadata, clock, host, random: createRandom(host) }));
    const late = codeOf(putParts(server("b", { ...store, putPart }), made, content, [0, 1]));
    await turn();
    const quick = server("a", store);
    await putParts(quick, made, content, [0, 4]);
    partials = [made.id];
    const { size: _, ...request } = createRequest(0);
    const concat = { request, partials, protocol: "tus" } as const;
    await quick.concatenate(alice, concat);
    goOn();
    await pass(10_000);
    expect(await late).toBe("storage_failed");
    expect(await stateOf(made.id)).toBe("open");
    expect((await quick.concatenate(alice, concat)).state).toBe("complete");
  });

  it("goes on through the loss of its own place, before anything of it was there", async () => {
    let isOver = false;
    reading = async function* (next) {
      if (!isOver) {
        isOver = true;
        const [final] = [...metadata.snapshot().uploads.values()].filter(
          ({ role }) => role?.kind === "final",
        );
        if (!final) throw new Error("there is no final");
        const place = await store.begin(final.id, final.type);
        await metadata.apply({ kind: "place", id: final.id, place });
        store.state.places.delete(place);
      }
      yield* next();
    };
    const making = concatenate();
    await pass(5000);
    const id = await making;
    await pass(90_000);
    expect(await stateOf(id)).toBe("complete");
    await expectWhole(id);
  });

  it("ends where it gets nowhere for a day, and its partials after it", async () => {
    reading = away;
    const making = concatenate();
    await pass(1000);
    const id = await making;
    clock.advance(25 * HOUR);
    await turn();
    await engine.sweep("server", { isDryRun: false, isHeld: () => Promise.resolve(true) });
    expect(await stateOf(id)).toBe("completing");
    await engine.sweep("server", { isDryRun: false });
    expect(await metadata.upload(id)).toMatchObject({
      ...{ state: "failed", hasBytes: false },
      error: { code: "storage_failed", detail: "the store is away" },
    });
    await engine.sweep("server", { isDryRun: false });
    for (const partial of partials) expect(await stateOf(partial)).toBe("expired");
    expect([store.state.places.size, store.state.objects.size]).toEqual([0, 0]);
  });

  it("tells another tenant of a partial what it tells of one that there is not", async () => {
    const tellings: unknown[] = [];
    const bob = { id: "bob", tenant: "elsewhere" };
    for (const ids of [partials, partials.map((id) => `${id.slice(0, -1)}a`), ["none"]]) {
      const { code, message, details } = await concatenate(bob, ids).catch((error) => error);
      tellings.push({ code, message, details });
    }
    const nothing = { code: "upload_not_found", message: "There is no such upload", details: {} };
    expect(tellings).toEqual([nothing, nothing, nothing]);
    expect(metadata.snapshot().uploads.size).toBe(2);
  });

  it("counts against its principal from the moment that it is recorded, beside its partials", async () => {
    const room = (content.length + 2 * KIB) * 2;
    const poor = { ...alice, limits: { bytesMax: room, openMax: 4 } };
    const tooPoor = { ...alice, limits: { bytesMax: room - 3 * KIB - content.length } };
    expect(await codeOf(concatenate(tooPoor))).toBe("quota_exceeded");
    const id = await concatenate(poor);
    await expectWhole(id);
    expect(await codeOf(concatenate(poor))).toBe("quota_exceeded");
    for (const partial of partials) await engine.abort(alice, partial);
    expect((await metadata.counts(alice)).bytes).toBeLessThan(content.length + KIB);
  });
});
