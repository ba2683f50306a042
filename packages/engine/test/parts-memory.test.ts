// Memory, where a storage takes whole parts: parts gather while there is room, nobody waits for memory that another waits with, slow bodies keep none.
import { createEngine, createSlotPool, SLOT_SIZE } from "@holdfast/engine";
import { KIB, MIB } from "@holdfast/protocol";
import { bigBytes } from "@holdfast/testkit/big-bytes";
import { createBody } from "@holdfast/testkit/body";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { createMemoryParts, type MemoryPartsOptions } from "@holdfast/testkit/storage/parts";
import {
  alice,
  appendBytes,
  createRequest,
  memoryParts,
  putParts,
  readAll,
  runBytes,
  sha256,
} from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const PART = 2 * MIB;
const content = bigBytes("memory", 8 * PART);

async function begin(slotCount: number, options: MemoryPartsOptions = {}) {
  const clock = createVirtualClock();
  const slots = createSlotPool(slotCount * SLOT_SIZE);
  const bodies: ("memory" | "stream")[] = [];
  const storage = createMemoryParts(options);
  const watched = {
    ...storage,
    putPart: (...args: Parameters<typeof storage.putPart>) => {
      bodies.push(args[2].kind);
      return storage.putPart(...args);
    },
  };
  const engine = createEngine(memoryParts({ clock, slots, storage: watched }));
  const create = () => engine.create(alice, createRequest(content.length, { partSize: PART }));
  const monotonic = () => clock.monotonic();
  return { clock, slots, engine, create, bodies, monotonic };
}

async function turns(count = 50): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** Lets time pass until something has come to its end. */
async function within(work: Promise<unknown>, clock: { advance(ms: number): void }): Promise<void> {
  let isOver = false;
  const ended = work.finally(() => {
    isOver = true;
  });
  ended.catch(() => undefined);
  for (let count = 0; !isOver && count < 200; count++) {
    await turns(5);
    clock.advance(50);
  }
  expect(isOver).toBe(true);
  await work;
}

it("of many parts that stream little waits for a store that takes nothing", async () => {
  const { promise: stalled, resolve: go } = Promise.withResolvers<void>();
  const slots = createSlotPool(4 * SLOT_SIZE);
  const storage = createMemoryParts();
  const putPart: typeof storage.putPart = async (place, part, body, signal) => {
    if (body.kind !== "stream") return storage.putPart(place, part, body, signal);
    async function* slowly(): AsyncGenerator<Uint8Array, void, void> {
      for await (const piece of body.pieces) {
        yield piece;
        await stalled;
      }
    }
    return storage.putPart(place, part, { kind: "stream", pieces: slowly() }, signal);
  };
  const engine = createEngine(memoryParts({ slots, storage: { ...storage, putPart } }));
  const view = await engine.create(alice, createRequest(content.length, { partSize: PART }));
  const views = [view];
  while (views.length < 50) {
    views.push(await engine.create(alice, createRequest(content.length, { partSize: PART })));
  }
  const taken = new Map<string, number>();
  const putting = views.map((one) => {
    const bytes = runBytes(one, content, [0, 1]);
    const body = createBody(bytes);
    async function fill(into: Uint8Array): Promise<number> {
      const size = await body.fill(into);
      taken.set(one.id, (taken.get(one.id) ?? 0) + size);
      return size;
    }
    return putParts(engine, one, content, [0, 1], { body: { ...body, fill } });
  });
  await turns(200);
  const waiting = [...taken.values()].reduce((sum, size) => sum + size, 0);
  expect(waiting / views.length).toBeLessThan(320 * KIB);
  go();
  await Promise.all(putting);
  expect(slots.lent()).toBe(0);
});

describe("a part", () => {
  it("gathers in memory where the pool has room for all of it", async () => {
    const { engine, create, bodies, slots } = await begin(64);
    const view = await create();
    await putParts(engine, view, content, [0, 1]);
    expect(bodies).toEqual(["memory"]);
    expect(slots.lent()).toBe(0);
  });

  it("streams where the pool never has, a slot at a time", async () => {
    const { engine, create, bodies, slots } = await begin(2);
    const view = await create();
    await putParts(engine, view, content, [0, 8]);
    expect(new Set(bodies)).toEqual(new Set(["stream"]));
    const done = await engine.complete(alice, view.id, {});
    expect(sha256(await readAll(engine, done))).toEqual(sha256(content));
    expect(slots.lent()).toBe(0);
  });

  it("waits for those of its own run once its upload has had its share", async () => {
    let most = 0;
    const gate = Promise.withResolvers<void>();
    const { engine, bodies, slots } = await begin(1024, {
      async onCall(call, when) {
        if (call !== "putPart" || when !== "before") return;
        most = Math.max(most, slots.lent());
        await gate.promise;
      },
    });
    const partSize = 8 * MIB;
    const bytes = bigBytes("share", 10 * partSize);
    const view = await engine.create(alice, createRequest(bytes.length, { partSize }));
    const sending = putParts(engine, view, bytes, [0, 10]);
    await turns(400);
    expect(slots.lent()).toBe(256);
    gate.resolve();
    await sending;
    expect(most).toBeLessThanOrEqual(256);
    expect(new Set(bodies)).toEqual(new Set(["memory"]));
  }, 30_000);
});

describe("bodies that wait for one another", () => {
  it("never do so for ever: every one gets through a pool that is smaller than they are", async () => {
    const { clock, engine, create, slots } = await begin(20);
    const views = await Promise.all([create(), create(), create()]);
    const runs = views.flatMap((view) =>
      (
        [
          [0, 3],
          [3, 6],
          [6, 8],
        ] as const
      ).map((run) => putParts(engine, view, content, run)),
    );
    await within(Promise.all(runs), clock);
    expect(slots.lent()).toBe(0);
    for (const { id } of views) {
      const done = await engine.complete(alice, id, {});
      expect(sha256(await readAll(engine, done))).toEqual(sha256(content));
    }
  });
});

describe("appends", () => {
  it.each([1, 4, 20])("get through a pool of %i slots, four at once", async (slotCount) => {
    const { clock, engine, create, slots } = await begin(slotCount);
    const views = await Promise.all([create(), create(), create(), create()]);
    const digest = sha256(content);
    const sent = views.map((view, number) =>
      appendBytes(engine, view, 0, content, { isLast: true, ...(number === 3 ? { digest } : {}) }),
    );
    await within(Promise.all(sent), clock);
    expect(slots.lent()).toBe(0);
    for (const { id } of views) {
      const done = await engine.status(alice, id);
      expect(sha256(await readAll(engine, done))).toEqual(digest);
    }
  });

  it("of slow bodies give their memory back once others wait, and lose nothing by it", async () => {
    const { clock, engine, create, slots, monotonic } = await begin(6);
    const slow = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const view = await create();
        const body = createBody(undefined, { monotonic });
        const sending = appendBytes(engine, view, 0, content, { body });
        body.push(content.subarray(0, 300 * KIB));
        return { view, body, sending };
      }),
    );
    await turns();
    clock.advance(400);
    const fast = await create();
    await within(appendBytes(engine, fast, 0, content, { isLast: true }), clock);
    for (const { body } of slow) {
      body.push(content.subarray(300 * KIB));
      body.end();
    }
    await within(Promise.all(slow.map(({ sending }) => sending)), clock);
    expect(slots.lent()).toBe(0);
    for (const { view } of slow) {
      const done = await engine.complete(alice, view.id, {});
      expect(sha256(await readAll(engine, done))).toEqual(sha256(content));
    }
  });
});

describe("nine slow bodies", () => {
  it("beside a fast one keep no memory from it, and get through all the same", async () => {
    const { clock, engine, create, slots, monotonic } = await begin(40);
    const slow = await Promise.all(
      Array.from({ length: 9 }, async () => {
        const view = await create();
        const body = createBody(undefined, { monotonic });
        const sending = putParts(engine, view, content, [0, 1], { body });
        body.push(runBytes(view, content, [0, 1]).subarray(0, 1500 * KIB));
        return { view, body, sending };
      }),
    );
    await turns();
    const fast = await create();
    await within(putParts(engine, fast, content, [0, 8]), clock);
    await turns();
    for (const { view, body } of slow) {
      body.push(runBytes(view, content, [0, 1]).subarray(1500 * KIB));
      body.end();
    }
    await within(Promise.all(slow.map(({ sending }) => sending)), clock);
    expect(slots.lent()).toBe(0);
  });

  it("that stay silent give all of it back once others wait", async () => {
    const { clock, engine, create, slots, monotonic } = await begin(8);
    const view = await create();
    const body = createBody(undefined, { monotonic });
    const silent = putParts(engine, view, content, [0, 1], { body });
    silent.catch(() => undefined);
    body.push(content.subarray(0, 1000 * KIB));
    await turns();
    clock.advance(1000);
    const others = await Promise.all([create(), create()]);
    await within(Promise.all(others.map((one) => putParts(engine, one, content, [0, 8]))), clock);
    await turns();
    body.push(content.subarray(1000 * KIB, PART));
    body.end();
    await within(silent, clock);
    expect(slots.lent()).toBe(0);
  });
});
