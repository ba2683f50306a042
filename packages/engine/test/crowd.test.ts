// When memory is short: slow bodies make room, nobody waits for ever, nobody is let in without end.
import { createEngine, createSlotPool, type RegionStorage, SLOT_SIZE } from "@holdfast/engine";
import { type HoldfastError, KIB } from "@holdfast/protocol";
import { createBody } from "@holdfast/testkit/body";
import { createVirtualClock } from "@holdfast/testkit/clock";
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
} from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const PART = 256 * KIB;
const content = createRandom("content").bytes(2 * PART + 5000);

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function turns(): Promise<void> {
  for (let count = 0; count < 20; count++) await turn();
}

async function begin(slotCount: number, storage: RegionStorage = createMemoryStorage()) {
  const clock = createVirtualClock();
  const slots = createSlotPool(slotCount * SLOT_SIZE);
  const engine = createEngine(memoryParts({ clock, slots, storage }));
  const view = await engine.create(alice, createRequest(content.length));
  const monotonic = () => clock.monotonic();
  return { clock, slots, engine, view, monotonic };
}

function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "ok",
    (error: HoldfastError) => error.code,
  );
}

describe("a slow body", () => {
  it("keeps its slot while nobody else wants it", async () => {
    const { clock, slots, engine, view, monotonic } = await begin(1);
    const body = createBody(undefined, { monotonic });
    void codeOf(putParts(engine, view, content, [0, 1], { body }));
    body.push(content.subarray(0, KIB));
    await turn();
    clock.advance(60_000);
    await turn();
    expect(slots.lent()).toBe(1);
  });

  // The last part is not a whole number of blocks: its end is written from the small buffer too.
  it("makes room for others and is stored right all the same", async () => {
    const { clock, slots, engine, view, monotonic } = await begin(1);
    const slow = createBody(undefined, { monotonic });
    const sending = putParts(engine, view, content, [0, 3], { body: slow });
    let sent = 0;
    async function trickle(size: number): Promise<void> {
      slow.push(content.subarray(sent, sent + size));
      sent += size;
      clock.advance(1000);
      await turn();
    }
    // 6 blocks and a fragment are there when another request needs the memory.
    await trickle(25 * KIB);
    const other = await engine.create(alice, createRequest(content.length));
    const quick = putParts(engine, other, content, [0, 3]);
    await turn();
    clock.advance(300);
    await turn();
    clock.advance(60);
    expect(await quick).toMatchObject({ committed: 3 });
    expect(slots.lent()).toBe(0);
    while (sent < content.length) {
      await trickle(1 * KIB);
      expect(slots.lent()).toBe(0);
    }
    slow.end();
    await turn();
    clock.advance(60);
    expect(await sending).toMatchObject({ committed: 3 });
    const done = await engine.complete(alice, view.id, {});
    expect(Buffer.compare(await readAll(engine, done), content)).toBe(0);
  });

  // Less than a block was there when it was asked to make room: there is nothing to write yet, and nothing that a record could tell of.
  it("of an append goes on being committed after it has made room", async () => {
    const { clock, slots, engine, view, monotonic } = await begin(1);
    const slow = createBody(undefined, { monotonic });
    const appending = codeOf(appendBytes(engine, view, 0, content, { body: slow }));
    slow.push(content.subarray(0, 1000));
    await turns();
    const other = await engine.create(alice, createRequest(PART));
    const quick = putParts(engine, other, content, [0, 1]);
    await turns();
    clock.advance(400);
    await turns();
    expect(await quick).toMatchObject({ committed: 1 });
    for (let sent = 1000; sent < 9000; sent += 1000) {
      slow.push(content.subarray(sent, sent + 1000));
      await turns();
      clock.advance(2_100);
      await turns();
      clock.advance(60);
      await turns();
      const { offset } = await engine.status(alice, view.id);
      expect(offset).toBe(sent + 1000);
      expect(slots.lent()).toBe(0);
    }
    slow.end();
    await turns();
    clock.advance(60);
    await appending;
  });

  it("goes back to whole slots once it is quick", async () => {
    const writes: number[] = [];
    const memory = createMemoryStorage();
    const storage: RegionStorage = {
      ...memory,
      write(id, offset, slot, size) {
        writes.push(size);
        return memory.write(id, offset, slot, size);
      },
    };
    const { clock, slots, engine, view, monotonic } = await begin(1, storage);
    const body = createBody(undefined, { monotonic });
    const sending = putParts(engine, view, content, [0, 3], { body });
    body.push(content.subarray(0, 100));
    await turn();
    clock.advance(300);
    const place = slots.queue();
    void engine.create(alice, createRequest(0));
    const other = await engine.create(alice, createRequest(PART));
    void codeOf(putParts(engine, other, content, [0, 1]));
    await turn();
    clock.advance(300);
    await turn();
    slots.give(await place.slot);
    await turn();
    body.push(content.subarray(100));
    body.end();
    await turn();
    clock.advance(60);
    expect(await sending).toMatchObject({ committed: 3 });
    // One small write at most before it is trusted with slots again, and one where a part ends.
    expect(writes.filter((size) => size < 8 * KIB).length).toBeLessThanOrEqual(2);
    expect(writes.length).toBeLessThan(10);
  });

  it("that is cut loses its part and nothing else", async () => {
    const { clock, slots, engine, view, monotonic } = await begin(1);
    const body = createBody(undefined, { monotonic });
    const sending = codeOf(putParts(engine, view, content, [0, 2], { body }));
    body.push(content.subarray(0, PART + 5000));
    await turn();
    clock.advance(300);
    const place = slots.queue();
    const other = await engine.create(alice, createRequest(PART));
    const quick = putParts(engine, other, content, [0, 1]);
    await turn();
    clock.advance(300);
    await turn();
    slots.give(await place.slot);
    await turn();
    clock.advance(60);
    await quick;
    body.push(content.subarray(PART + 5000, PART + 5100));
    body.end();
    await turn();
    clock.advance(60);
    expect(await sending).toBe("body_size_mismatch");
    const { committed } = await engine.status(alice, view.id);
    expect([...committed.bits]).toEqual([1]);
    expect(slots.lent()).toBe(0);
  });
});

describe("a request that finds no memory", () => {
  it("is told to come again after 10 s, and leaves nothing behind", async () => {
    const { clock, slots, engine, view } = await begin(1);
    const slot = await slots.take();
    const refused = codeOf(putParts(engine, view, content, [0, 1]));
    await turn();
    clock.advance(9_999);
    await turn();
    expect(slots.waiting()).toBe(1);
    clock.advance(1);
    expect(await refused).toBe("overloaded");
    expect(slots.waiting()).toBe(0);
    slots.give(slot);
    const again = putParts(engine, view, content, [0, 1]);
    await turn();
    clock.advance(60);
    expect(await again).toMatchObject({ committed: 1 });
  });

  it("is refused at once where 1,024 wait already", async () => {
    const { slots, engine } = await begin(1);
    await slots.take();
    for (let count = 0; count < 1024; count++) slots.queue();
    const view = await engine.create(alice, createRequest(PART));
    const digests = new Map([[view.digest, partDigests(view, content, [0, 1])]]);
    const body = createBody(content.subarray(0, PART));
    const refused = engine.putRun(alice, { id: view.id, run: [0, 1], digests, body });
    expect(await codeOf(refused)).toBe("overloaded");
  });
});
