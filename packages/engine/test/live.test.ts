// Uploads that are read while they grow, over a storage of parts: each part is an object until all of them are one, and a crash anywhere leaves nothing of it and nothing twice.
import { createEngine, type Engine } from "@holdfast/engine";
import { equalBytes, KIB, type UploadView } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
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
  sha256,
} from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";
import { type Follower, follow, second } from "./follow.fixture.ts";
import { createWorld, NEVER, turns } from "./hosts.fixture.ts";

const PART = 256 * KIB;
const MINUTE = 60_000;
const content = createRandom("live").bytes(4 * PART + 5000);

function makeWorld(onCall: MemoryPartsOptions["onCall"] = () => undefined) {
  const clock = createVirtualClock();
  const storage = createMemoryParts({ clock, onCall });
  const engine = createEngine(memoryParts({ storage, clock }));
  return { clock, storage, engine };
}

const beginLive = (engine: Engine, more = {}): Promise<UploadView> =>
  engine.create(alice, createRequest(content.length, { live: true, ...more }));

function expectBytes(follower: Follower, end: number, start = 0): void {
  expect(follower.bytes().length).toBe(end - start);
  expect(equalBytes(follower.bytes(), content.subarray(start, end))).toBe(true);
}

describe("an upload that is to be read while it grows", () => {
  it("has whole parts, tails and what lies behind a gap to be read", async () => {
    const { engine } = makeWorld();
    const view = await beginLive(engine);
    await appendBytes(engine, view, 0, content.subarray(0, PART + 70_123));
    await appendBytes(engine, view, PART + 70_123, content.subarray(PART + 70_123, PART + 90_000));
    await putParts(engine, view, content, [3, 5]);
    const { offset, endFrom } = await engine.content(alice, view.id);
    expect([offset, endFrom(3 * PART + 1)]).toEqual([PART + 90_000, content.length]);
    for (const [start, end] of [
      [0, PART + 90_000],
      [PART - 1, PART + 1],
      [PART + 70_000, PART + 70_124],
      [3 * PART + 5, content.length],
    ] as const) {
      const all = await follow(engine, view, { start, end });
      expectBytes(all, end, start);
      expect(all.end()).toBe("whole");
    }
  });

  it("is followed to its file, of which nothing else is left in the store", async () => {
    const { engine, clock, storage } = makeWorld();
    const view = await beginLive(engine);
    const early = await follow(engine, view);
    await appendBytes(engine, view, 0, content.subarray(0, 2 * PART + 999));
    await second(clock);
    expectBytes(early, 2 * PART + 999);
    await putParts(engine, view, content, [2, 4]);
    await second(clock);
    expectBytes(early, 4 * PART);
    await putParts(engine, view, content, [4, 5]);
    const done = await engine.complete(alice, view.id, {});
    await second(clock);
    expectBytes(early, content.length);
    expect(early.end()).toBe("whole");
    expect(sha256(await readAll(engine, done))).toEqual(sha256(content));
    expect(storage.state.places.size).toBe(1);
    expect([...storage.state.objects.keys()]).toEqual([expect.stringMatching(/manifest/)]);
  });

  it("is fetched once for all who follow, and by whole parts for one who reads alone", async () => {
    let fetched = 0;
    const { engine, clock } = makeWorld((call, when) => {
      if (call === "objects.read" && when === "before") fetched++;
    });
    const alone = await beginLive(engine);
    await putParts(engine, alone, content, [0, 5]);
    expectBytes(await follow(engine, alone, { start: 0, end: content.length }), content.length);
    expect(fetched).toBe(5);
    const view = await beginLive(engine);
    const followers = await Promise.all(Array.from({ length: 100 }, () => follow(engine, view)));
    fetched = 0;
    await appendBytes(engine, view, 0, content.subarray(0, 70_000));
    await second(clock);
    await putParts(engine, view, content, [0, 4]);
    await second(clock);
    for (const follower of followers) expectBytes(follower, 4 * PART);
    // Slots are as large as these parts, and the first one is read in two pieces.
    expect(fetched).toBeLessThan(10);
    for (const { leave } of followers) leave();
    await turns();
  });

  it("has a part within a second of its commit, however many requests of the store's wait for one another", async () => {
    let fetched = 0;
    const { engine, clock } = makeWorld(async (call, when) => {
      if (call !== "objects.read" || when === "after") return;
      fetched++;
      await new Promise<void>((resolve) => clock.after(50, resolve));
    });
    const size = 8192 * KIB;
    const long = new Uint8Array(Uint32Array.from({ length: size / 2 }, (_, at) => at * 13).buffer);
    const view = await engine.create(
      alice,
      createRequest(2 * size, { live: true, partSize: size }),
    );
    const followers = await Promise.all([1, 2].map(() => follow(engine, view)));
    await putParts(engine, view, long, [0, 1]);
    for (let step = 0; step < 20; step++) {
      clock.advance(50);
      await turns();
    }
    for (const one of followers) {
      expect(one.bytes().length).toBe(size);
      expect(equalBytes(one.bytes(), long.subarray(0, size))).toBe(true);
      one.leave();
    }
    expect(fetched).toBe(1);
    await turns();
  });

  it("is fetched by whole parts for who comes late, and shared by a crowd that does", async () => {
    let fetched = 0;
    const { engine, clock } = makeWorld((call, when) => {
      if (call === "objects.read" && when === "before") fetched++;
    });
    const long = createRandom("late").bytes(5 * 1024 * KIB);
    const asked = createRequest(long.length, { live: true, partSize: 1024 * KIB });
    const view = await engine.create(alice, asked);
    await putParts(engine, view, long, [0, 4]);
    const first = await follow(engine, view);
    fetched = 0;
    const late = await follow(engine, view);
    await second(clock);
    expect([late.bytes().length, fetched]).toEqual([4 * 1024 * KIB, 4]);
    fetched = 0;
    const crowd = await Promise.all(Array.from({ length: 40 }, () => follow(engine, view)));
    await second(clock);
    for (const one of crowd)
      expect(equalBytes(one.bytes(), long.subarray(0, 4 * 1024 * KIB))).toBe(true);
    // Each of them by itself would be 160.
    expect(fetched).toBeLessThan(60);
    // Nobody is late any more: what comes is fetched once.
    fetched = 0;
    await putParts(engine, view, long, [4, 5]);
    await second(clock);
    expect([late.bytes().length, fetched]).toEqual([long.length, 1]);
    for (const { leave } of [first, late, ...crowd]) leave();
    await turns();
  });

  it("is fetched by whole parts for those among many who are slow, too", async () => {
    let fetched = 0;
    const { engine, clock } = makeWorld((call, when) => {
      if (call === "objects.read" && when === "before") fetched++;
    });
    const view = await beginLive(engine);
    // A viewer of 4 Mbit/s: half a second and more for each piece of 256 KiB.
    const taken = async () => void clock.advance(600);
    const viewers = await Promise.all([
      follow(engine, view, undefined, taken),
      follow(engine, view, undefined, taken),
    ]);
    await putParts(engine, view, content, [0, 4]);
    while (viewers.some((viewer) => viewer.bytes().length < 4 * PART)) await second(clock);
    for (const viewer of viewers) expectBytes(viewer, 4 * PART);
    expect(fetched).toBeLessThan(4 * viewers.length + 2);
    for (const { leave } of viewers) leave();
    await turns();
  });

  it("takes its parts through the server, and says so", async () => {
    const { engine } = makeWorld();
    const [live, other] = [await beginLive(engine), await beginLive(engine, { live: undefined })];
    expect([live.transfer, other.transfer]).toEqual([undefined, "direct"]);
    const [digest = new Uint8Array()] = partDigests(live, content, [0, 1]);
    const signed = await engine.presign(alice, live.id, [{ index: 0, digest }], MINUTE);
    expect([signed.server.length, signed.storage.length]).toEqual([1, 0]);
  });

  it("goes on for a follower who is between a part and the next while it becomes one object", async () => {
    let hold: Promise<void> | undefined;
    const { engine, storage } = makeWorld(async (call, when) => {
      // Its parts are gone by then, and the file is not there yet.
      if (call === "objects.put" && when === "before") await hold;
    });
    const view = await beginLive(engine);
    const gate = Promise.withResolvers<void>();
    const follower = await follow(engine, view, undefined, () => gate.promise);
    await putParts(engine, view, content, [0, 5]);
    const manifest = Promise.withResolvers<void>();
    hold = manifest.promise;
    const completing = engine.complete(alice, view.id, {});
    await turns();
    expect([...storage.state.objects.keys()].some((key) => key.includes("part/"))).toBe(false);
    gate.resolve();
    const late = await follow(engine, view, { start: 0, end: 4 * PART });
    expectBytes(late, 4 * PART);
    manifest.resolve();
    await completing;
    late.leave();
    follower.leave();
  });

  it("leaves nothing when it is aborted, or what came late to the sweep", async () => {
    const { engine, storage, clock } = makeWorld();
    const view = await beginLive(engine);
    await appendBytes(engine, view, 0, content.subarray(0, PART + 70_123));
    await putParts(engine, view, content, [3, 5]);
    const [object] = await partsIn(storage);
    await engine.abort(alice, view.id);
    expect([storage.state.places.size, storage.state.objects.size]).toEqual([0, 0]);
    const digest = sha256(content.subarray(0, PART));
    const place = object?.kind === "part" ? object.place : NOWHERE;
    const body = { kind: "memory", pieces: [content.subarray(0, PART)] } as const;
    await storage.putPart(place, { index: 0, size: PART, digest }, body);
    clock.advance(61 * MINUTE);
    await engine.sweep(alice, { isDryRun: false });
    clock.advance(11 * MINUTE);
    expect((await engine.sweep(alice, { isDryRun: false })).left.count).toBe(1);
    expect(storage.state.objects.size).toBe(0);
  });

  it("may be empty, whether that was known or not", async () => {
    const { engine } = makeWorld();
    const known = await engine.create(alice, createRequest(0, { live: true }));
    expect(known.state).toBe("complete");
    const { size: _, ...request } = createRequest(0, { live: true, maxSize: PART });
    const { id } = await engine.create(alice, request);
    const done = await engine.complete(alice, id, { size: 0 });
    expect(await readAll(engine, done)).toHaveLength(0);
  });

  it("asks again for a part that the store has lost", async () => {
    const { engine, storage, clock } = makeWorld();
    const view = await beginLive(engine);
    await putParts(engine, view, content, [0, 5]);
    const [, lost] = await partsIn(storage);
    if (lost) await storage.objects.remove(lost);
    let isOver = false;
    const failed = engine.complete(alice, view.id, {}).finally(() => {
      isOver = true;
    });
    failed.catch(() => undefined);
    while (!isOver) await second(clock);
    await expect(failed).rejects.toMatchObject({ code: "parts_missing" });
    await putParts(engine, view, content, [0, 5]);
    const done = await engine.complete(alice, view.id, {});
    expect(sha256(await readAll(engine, done))).toEqual(sha256(content));
    expect([...storage.state.objects.keys()]).toEqual([expect.stringMatching(/manifest/)]);
  });
});

const NOWHERE = "" as never;

async function partsIn(storage: ReturnType<typeof createMemoryParts>) {
  const found = [];
  for await (const { object } of storage.objects.list()) {
    if (object.kind === "part") found.push(object);
  }
  return found;
}

describe("what another server does", () => {
  it("is with a follower here: parts, tails, the file", async () => {
    const world = createWorld("parts");
    const [a, b] = [world.server("a"), world.server("b")];
    const view = await beginLive(a);
    const follower = await follow(a, view);
    let at = 0;
    for (const size of [70_000, 1, PART, 90_000, 5, PART + 7]) {
      await world.within(appendBytes(b, view, at, content.subarray(at, at + size)));
      at += size;
      await second(world.clock);
      expectBytes(follower, at);
    }
    await world.within(appendBytes(b, view, at, content.subarray(at)));
    await world.within(b.complete(alice, view.id, {}));
    await second(world.clock);
    expectBytes(follower, content.length);
    expect(follower.end()).toBe("whole");
  });

  it("ends a follower here where it aborts the upload", async () => {
    const world = createWorld("parts");
    const [a, b] = [world.server("a"), world.server("b")];
    const view = await beginLive(a);
    await world.within(putParts(b, view, content, [0, 2]));
    const follower = await follow(a, view);
    await second(world.clock);
    expectBytes(follower, 2 * PART);
    await world.within(b.abort(alice, view.id));
    await second(world.clock);
    expect(follower.end()).toMatchObject({ code: "upload_ended" });
    expect([world.state.places.size, world.state.objects.size]).toEqual([0, 0]);
  });
});

describe("a crash", () => {
  /** Sends what is missing, and completes: what a client does again and again. */
  async function upload(engine: Engine, id: string): Promise<void> {
    const view = await engine.status(alice, id);
    if (view.state === "complete") return;
    if (view.offset < PART + 9999) {
      const { offset } = view;
      await appendBytes(engine, view, offset, content.subarray(offset, PART + 9999));
    }
    await putParts(engine, view, content, [1, 5]);
    await engine.complete(alice, id, {});
  }

  /** One life: dead from its call `last` on, whichever port that goes to. Undefined for one that lives. */
  function makeLife(before: World, life: string, last = Number.POSITIVE_INFINITY) {
    const { promise: died, resolve: die } = Promise.withResolvers<void>();
    let calls = 0;
    async function onCall(): Promise<void> {
      if (++calls < last) return;
      die();
      await NEVER;
    }
    const { clock, state, records } = before;
    const storage = createMemoryParts({ clock, state, onCall });
    const metadata = createMemoryMetadata({ state: records(), now: clock.now, onApply: onCall });
    const random = createRandom(life);
    const engine = createEngine(memoryParts({ storage, metadata, clock, random }));
    return { engine, died, calls: () => calls, metadata };
  }

  interface World {
    readonly clock: ReturnType<typeof createVirtualClock>;
    readonly state: ReturnType<typeof createMemoryParts>["state"];
    records(): ReturnType<ReturnType<typeof createMemoryMetadata>["snapshot"]>;
  }

  /** Lives a first life up to its call `last`, then another one to the end. Gives how many calls the first one has made. */
  async function crashAt(last: number): Promise<number> {
    const clock = createVirtualClock();
    const { state } = createMemoryParts();
    const first = createMemoryMetadata({ now: clock.now });
    const world: World = { clock, state, records: () => first.snapshot() };
    const { id } = await beginLive(
      createEngine(memoryParts({ storage: createMemoryParts({ clock, state }), metadata: first })),
    );
    const one = makeLife(world, "first", last);
    const lived = upload(one.engine, id);
    lived.catch(() => undefined);
    await Promise.race([lived, one.died]);
    // What was under way when it died comes to nothing.
    await turns();
    const left = one.metadata.snapshot();
    const two = makeLife({ ...world, records: () => left }, "second");
    await two.engine.recover();
    await upload(two.engine, id);
    const done = await two.engine.status(alice, id);
    expect(sha256(await readAll(two.engine, done)), `call ${last}`).toEqual(sha256(content));
    const { files } = await two.engine.files(alice, { limit: 9 });
    expect(files.map(({ id: fileId }) => fileId)).toEqual([done.file?.id]);
    // The sweep has what the dead one had stored and no record names.
    for (const minutes of [61, 11]) {
      clock.advance(minutes * MINUTE);
      await two.engine.sweep(alice, { isDryRun: false });
    }
    expect([...state.places.values()].filter(({ object }) => object)).toHaveLength(1);
    expect(state.places.size, `places after call ${last}`).toBe(1);
    const others = [...state.objects.keys()].filter((key) => !key.includes("/manifest/"));
    expect(others, `objects after call ${last}`).toEqual([]);
    return one.calls();
  }

  it("at any call to the store or the records costs nothing, leaves nothing, and makes one file", async () => {
    const calls = await crashAt(Number.POSITIVE_INFINITY);
    expect(calls).toBeGreaterThan(30);
    for (let last = 1; last <= calls; last++) await crashAt(last);
  });
});
