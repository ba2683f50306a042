// content: what is committed is read before there is a file, and what comes as it comes; nothing of it is ever taken for the end, or goes on after bytes that proved bad.

import {
  createEngine,
  createSlotPool,
  type Engine,
  type EngineParts,
  type RegionStorage,
} from "@holdfast/engine";
import { equalBytes, HoldfastError, KIB, type UploadView } from "@holdfast/protocol";
import { createVirtualClock, type VirtualClock } from "@holdfast/testkit/clock";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import { createMemoryParts } from "@holdfast/testkit/storage/parts";
import {
  alice,
  appendBytes,
  createRequest,
  memoryParts,
  openPolicy,
  putParts,
} from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";
import { type Follower, follow, second } from "./follow.fixture.ts";
import { createWorld, turns } from "./hosts.fixture.ts";

const PART = 256 * KIB;
const content = createRandom("live").bytes(4 * PART + 5000);
const TO_END = Number.POSITIVE_INFINITY;

interface World {
  readonly engine: Engine;
  readonly view: UploadView;
  readonly clock: VirtualClock;
  /** Reads of stored bytes so far. */
  readonly reads: () => number;
  readonly slotsLent: () => number;
  /** Operations that fail from now on. */
  readonly faults: Set<"flush" | "read">;
  /** Bytes that the medium gives instead of what was written. */
  readonly corrupt: Map<number, number>;
}

async function begin(more: Partial<EngineParts> = {}): Promise<World> {
  const clock = createVirtualClock();
  const real = createMemoryStorage();
  const readSlots = createSlotPool(4 * 1024 * KIB);
  const faults = new Set<"flush" | "read">();
  const corrupt = new Map<number, number>();
  let reads = 0;
  const check = (fault: "flush" | "read") => {
    if (faults.has(fault)) throw new HoldfastError("storage_failed", `${fault} failed`);
  };
  const storage: RegionStorage = {
    ...real,
    async flush(id) {
      check("flush");
      await real.flush(id);
    },
    async read(object, offset, into, origin) {
      check("read");
      reads++;
      const size = await real.read(object, offset, into);
      for (const [at, value] of corrupt) {
        if (origin === "medium" && at >= offset && at < offset + size) into[at - offset] = value;
      }
      return size;
    },
  };
  const engine = createEngine(memoryParts({ clock, storage, readSlots, ...more }));
  const view = await engine.create(alice, createRequest(content.length));
  return { engine, view, clock, faults, corrupt, reads: () => reads, slotsLent: readSlots.lent };
}

function expectBytes(follower: Follower, end: number, start = 0): void {
  expect(follower.bytes().length).toBe(end - start);
  expect(equalBytes(follower.bytes(), content.subarray(start, end))).toBe(true);
}

describe("what is committed", () => {
  it("is told, and read to its last byte, the fragment that is in the record too", async () => {
    const { engine, view, slotsLent } = await begin();
    await appendBytes(engine, view, 0, content.subarray(0, PART + 70_123));
    await putParts(engine, view, content, [3, 4]);
    const asked = await engine.content(alice, view.id);
    expect(asked).toMatchObject({ size: content.length, offset: PART + 70_123 });
    expect([0, PART, PART + 70_123, 2 * PART, 3 * PART + 5].map(asked.endFrom)).toEqual([
      ...[PART + 70_123, PART + 70_123, PART + 70_123, 2 * PART, 4 * PART],
    ]);
    const all = await follow(engine, view, { start: 0, end: asked.offset });
    expectBytes(all, PART + 70_123);
    expect(all.end()).toBe("whole");
    // From inside the fragment, and behind a gap.
    expectBytes(
      await follow(engine, view, { start: PART + 70_120, end: PART + 70_122 }),
      PART + 70_122,
      PART + 70_120,
    );
    expectBytes(
      await follow(engine, view, { start: 3 * PART + 5, end: 4 * PART }),
      4 * PART,
      3 * PART + 5,
    );
    expect(slotsLent()).toBe(0);
  });

  it("is for who may read: to write is another right, and another tenant's does not exist", async () => {
    const asked: string[] = [];
    const policy = {
      ...openPolicy,
      decide: async (_: unknown, action: string) => void asked.push(action),
    };
    const { engine, view } = await begin({ policy });
    asked.length = 0;
    await engine.content(alice, view.id);
    expect(asked).toEqual(["read"]);
    const eve = { id: "eve", tenant: "elsewhere" };
    await expect(engine.content(eve, view.id)).rejects.toMatchObject({ code: "upload_not_found" });
  });

  it("is nothing of an upload that has ended", async () => {
    const { engine, view } = await begin();
    await engine.abort(alice, view.id);
    await expect(engine.content(alice, view.id)).rejects.toMatchObject({ code: "upload_ended" });
  });

  it("is the file's in the end, under the same tag, also from a store that has only parts before", async () => {
    const engine = createEngine(memoryParts({ storage: createMemoryParts() }));
    const view = await engine.create(alice, createRequest(content.length));
    await putParts(engine, view, content, [0, 5]);
    await expect(engine.content(alice, view.id)).rejects.toMatchObject({
      code: "upload_unreadable",
    });
    const { file } = await engine.complete(alice, view.id, {});
    expect((await engine.content(alice, view.id)).file?.id).toBe(file?.id);
    const all = await follow(engine, view);
    expectBytes(all, content.length);
    expect(all.end()).toBe("whole");
  });

  it("has one tag for as long as it lives", async () => {
    const { engine, view } = await begin();
    const tags = [(await engine.content(alice, view.id)).tag];
    await putParts(engine, view, content, [0, 5]);
    tags.push((await engine.content(alice, view.id)).tag);
    await engine.complete(alice, view.id, {});
    tags.push((await engine.content(alice, view.id)).tag);
    expect(new Set(tags.map(String)).size).toBe(1);
    const other = await engine.create(alice, createRequest(content.length));
    expect(String((await engine.content(alice, other.id)).tag)).not.toBe(String(tags[0]));
  });
});

describe("a follower", () => {
  it("has each byte within a second of its commit, and ends with the file, not with the last byte", async () => {
    const { engine, view, clock, slotsLent } = await begin();
    const follower = await follow(engine, view);
    for (const end of [1, 70_000, PART, PART + 4096, 3 * PART + 9]) {
      await appendBytes(
        engine,
        view,
        follower.bytes().length,
        content.subarray(follower.bytes().length, end),
      );
      await second(clock);
      expectBytes(follower, end);
    }
    await putParts(engine, view, content, [3, 5]);
    await second(clock);
    expectBytes(follower, content.length);
    expect(follower.end()).toBeUndefined();
    await engine.complete(alice, view.id, {});
    await second(clock);
    expect(follower.end()).toBe("whole");
    expect(slotsLent()).toBe(0);
  });

  it("waits where there is a gap, and goes on over all that lies behind it", async () => {
    const { engine, view, clock } = await begin();
    const follower = await follow(engine, view);
    await putParts(engine, view, content, [1, 3]);
    await second(clock);
    expectBytes(follower, 0);
    await putParts(engine, view, content, [0, 1]);
    await second(clock);
    expectBytes(follower, 3 * PART);
  });

  it("of a range behind what is there waits for it, and is through when that is committed", async () => {
    const { engine, view, clock } = await begin();
    const range = { start: 2 * PART + 7, end: 3 * PART + 8 };
    const follower = await follow(engine, view, range);
    await putParts(engine, view, content, [2, 3]);
    await second(clock);
    expectBytes(follower, 3 * PART, range.start);
    await putParts(engine, view, content, [3, 4]);
    await second(clock);
    expectBytes(follower, range.end, range.start);
    expect(follower.end()).toBe("whole");
  });

  it("does not know beforehand how long it is, where nobody does", async () => {
    const { engine, clock } = await begin();
    const { size: _, ...unsized } = createRequest(0);
    const view = await engine.create(alice, { ...unsized, maxSize: 100 * PART });
    expect((await engine.content(alice, view.id)).size).toBeUndefined();
    const follower = await follow(engine, view);
    const behind = await follow(engine, view, { start: 50 * PART, end: TO_END });
    await appendBytes(engine, view, 0, content.subarray(0, PART + 1));
    await second(clock);
    expectBytes(follower, PART + 1);
    await appendBytes(engine, view, PART + 1, content.subarray(PART + 1), { isLast: true });
    await second(clock);
    expectBytes(follower, content.length);
    expect(follower.end()).toBe("whole");
    expect(behind.end()).toMatchObject({ code: "range_not_satisfiable" });
  });

  it("hears that there will be no file", async () => {
    const { engine, view, clock } = await begin();
    await putParts(engine, view, content, [0, 5]);
    const follower = await follow(engine, view);
    expectBytes(follower, content.length);
    await engine.abort(alice, view.id);
    await second(clock);
    expect(follower.end()).toMatchObject({ code: "upload_ended" });
  });

  it("ends when the server is told to stop, where it would have to wait", async () => {
    const { engine, view, clock } = await begin();
    const follower = await follow(engine, view);
    await engine.drain(0);
    await second(clock);
    expect(follower.end()).toMatchObject({ code: "shutting_down" });
  });

  it("ends at once when nobody reads any more, and leaves nothing behind", async () => {
    const { engine, view, clock, slotsLent } = await begin();
    const follower = await follow(engine, view);
    follower.leave();
    await turns();
    expect(follower.end()).toBe("whole");
    expect([clock.advanceToNext(), slotsLent()]).toEqual([false, 0]);
  });

  it("goes on from the file, also where that is deleted meanwhile: then it says so", async () => {
    const { engine, view, clock } = await begin();
    let go: (() => void) | undefined;
    const taken = () =>
      new Promise<void>((resolve) => {
        go = resolve;
      });
    await putParts(engine, view, content, [0, 5]);
    const follower = await follow(engine, view, { start: 0, end: TO_END }, taken);
    const { file } = await engine.complete(alice, view.id, {});
    go?.();
    await second(clock);
    expectBytes(follower, 2 * PART);
    await engine.deleteFile(alice, file?.id ?? "");
    for (let piece = 0; piece < 5; piece++) {
      go?.();
      await second(clock);
    }
    expect(follower.end()).toMatchObject({ code: "file_not_found" });
  });
});

describe("bytes that prove bad", () => {
  async function spoil({ engine, view, faults, corrupt }: World, index: number) {
    corrupt.set(index * PART + 3, (content[index * PART + 3] ?? 0) ^ 255);
    faults.add("flush");
    await putParts(engine, view, content, [4, 5]).catch(() => undefined);
    faults.clear();
    await turns();
    corrupt.clear();
  }

  it("end every stream of before: one that has served them, and one that has not come so far", async () => {
    const world = await begin();
    const { engine, view, clock } = world;
    await putParts(engine, view, content, [0, 3]);
    const asked = await engine.content(alice, view.id);
    const followers = [
      await follow(engine, view),
      await follow(engine, view, { start: 0, end: 9 }),
    ];
    const waiting = await follow(engine, view, { start: 3 * PART, end: TO_END });
    await spoil(world, 1);
    await putParts(engine, view, content, [1, 5]);
    await second(clock);
    const why = { code: "upload_not_open" };
    expect(followers[0]?.end()).toMatchObject(why);
    expect(followers[1]?.end()).toBe("whole");
    expect(waiting.end()).toMatchObject(why);
    expect(waiting.bytes().length).toBe(0);
    // Asked for before, opened after.
    const late = engine.readContent(asked, { start: 0, end: 9 }, new AbortController().signal);
    await expect(late.next()).rejects.toMatchObject(why);
    const now = await engine.content(alice, view.id);
    expect(equalBytes(now.tag, asked.tag)).toBe(false);
    expectBytes(await follow(engine, view), content.length);
  });

  it("are not read while they are in doubt", async () => {
    const world = await begin();
    const { engine, view, clock, faults } = world;
    await putParts(engine, view, content, [0, 1]);
    const follower = await follow(engine, view);
    await putParts(engine, view, content, [1, 2]);
    faults.add("flush").add("read");
    await putParts(engine, view, content, [2, 3]).catch(() => undefined);
    await turns();
    await expect(engine.content(alice, view.id)).rejects.toMatchObject({ code: "recovering" });
    await second(clock);
    expectBytes(follower, PART);
    expect(follower.end()).toBeUndefined();
    faults.clear();
    for (let wait = 0; wait < 7; wait++) await second(clock);
    expectBytes(follower, 2 * PART);
    await putParts(engine, view, content, [2, 5]);
    await second(clock);
    expectBytes(follower, content.length);
  });
});

describe("100 followers", () => {
  it("cost the storage the reads of one, and the clock one timer", async () => {
    const clock = createVirtualClock();
    const timers = new Set<object>();
    const counted: VirtualClock = {
      ...clock,
      after(ms, task) {
        const one = {};
        timers.add(one);
        const callOff = clock.after(ms, () => {
          timers.delete(one);
          task();
        });
        return () => {
          timers.delete(one);
          callOff();
        };
      },
    };
    const { engine, view, reads, slotsLent } = await begin({ clock: counted });
    const followers = await Promise.all(Array.from({ length: 100 }, () => follow(engine, view)));
    for (let end = 1; end <= 4; end++) {
      const before = reads();
      await putParts(engine, view, content, [end - 1, end]);
      await second(clock);
      for (const follower of followers) expectBytes(follower, end * PART);
      expect([reads() - before, timers.size]).toEqual([1, 1]);
    }
    for (const { leave } of followers) leave();
    await turns();
    expect([timers.size, slotsLent()]).toEqual([0, 0]);
  });

  it("hear within a second where every timer is late", async () => {
    const clock = createVirtualClock();
    const late = {
      ...clock,
      after: (ms: number, task: () => void) => clock.after(ms + 300, task),
    };
    const { engine, view } = await begin({ clock: late });
    const followers = await Promise.all(Array.from({ length: 100 }, () => follow(engine, view)));
    await putParts(engine, view, content, [0, 1]);
    await second(clock);
    for (const follower of followers) expectBytes(follower, PART);
    for (const { leave } of followers) leave();
  });

  it("of which some are slow keep no memory that others need: each goes on by itself", async () => {
    const { engine, view, clock, slotsLent } = await begin();
    await putParts(engine, view, content, [0, 4]);
    const gates: (() => void)[] = [];
    const taken = () => new Promise<void>((resolve) => void gates.push(resolve));
    const slow = await follow(engine, view, { start: 0, end: TO_END }, taken);
    const quick = await follow(engine, view);
    expectBytes(quick, 4 * PART);
    expect(slotsLent()).toBe(1);
    clock.advance(600);
    gates.shift()?.();
    await turns();
    // From then on through a little memory of its own.
    expect(slotsLent()).toBe(0);
    expectBytes(slow, PART + 16 * KIB);
    slow.leave();
    quick.leave();
  });

  it("who keep up with what never pauses are asked every second whether they still may", async () => {
    const long = createRandom("long").bytes(20 * PART);
    let committed = 1;
    const { engine, clock } = await begin({
      // Each call takes its time, and when it is over there is more.
      send: async (_, range, outlet) => {
        outlet.took(range.end - range.start);
        clock.advance(300);
        await putParts(engine, view, long, [committed, ++committed]);
        return range.end - range.start;
      },
    });
    const view = await engine.create(alice, createRequest(long.length));
    const others = await Promise.all([1, 2, 3].map(() => follow(engine, view)));
    await putParts(engine, view, long, [0, 1]);
    let took = 0;
    const outlet = {
      begin: () => undefined,
      took(bytes: number) {
        took += bytes;
      },
    };
    const asked = await engine.content(alice, view.id);
    const gone = new AbortController();
    const pieces = engine.readContent(asked, { start: 0, end: TO_END }, gone.signal, outlet);
    for (let second = 0; second < 3; second++) {
      expect((await pieces.next()).value?.length).toBe(0);
      expect(took).toBeLessThanOrEqual(4 * PART * second);
    }
    await pieces.return();
    for (const { leave } of others) leave();
  });

  it.each([
    ["as all that came before, also once it is a file", {}, ["growing"]],
    ["part by part, where each is checked before it leaves", { reads: "verified" }, []],
  ] as const)("are sent what came last %s", async (_, more, ways) => {
    const states = new Set<string | undefined>();
    const { engine, view } = await begin({
      ...more,
      send: async (_object, { start, end }, outlet, state) => {
        states.add(state);
        outlet.took(end - start);
        return end - start;
      },
    });
    const asked = await engine.content(alice, view.id);
    const others = await Promise.all([1, 2, 3].map(() => follow(engine, view)));
    await putParts(engine, view, content, [0, 5]);
    await engine.complete(alice, view.id, {});
    let got = 0;
    const outlet = {
      begin: () => undefined,
      took(bytes: number) {
        got += bytes;
      },
    };
    const { signal } = new AbortController();
    for await (const { length } of engine.readContent(
      asked,
      { start: 0, end: TO_END },
      signal,
      outlet,
    )) {
      got += length;
    }
    expect(got).toBe(content.length);
    expect([...states].filter((state) => state === "growing")).toEqual(ways);
    for (const { leave } of others) leave();
  });

  it("get on without any slot", async () => {
    const readSlots = createSlotPool(256 * KIB);
    const { engine, view, clock } = await begin({ readSlots });
    const slot = readSlots.tryTake();
    const followers = await Promise.all(Array.from({ length: 9 }, () => follow(engine, view)));
    await putParts(engine, view, content, [0, 2]);
    await second(clock);
    for (const follower of followers) expectBytes(follower, 2 * PART);
    if (slot) readSlots.give(slot);
  });
});

describe("what another server commits", () => {
  it("is with a follower here within a second, up to the file", async () => {
    const world = createWorld("regions");
    const [a, b] = [world.server("a"), world.server("b")];
    const view = await a.create(alice, createRequest(content.length));
    const followers = await Promise.all([follow(a, view), follow(a, view), follow(b, view)]);
    await world.within(putParts(b, view, content, [0, 2]));
    await second(world.clock);
    for (const follower of followers) expectBytes(follower, 2 * PART);
    await world.within(putParts(b, view, content, [2, 5]));
    await world.within(b.complete(alice, view.id, {}));
    await second(world.clock);
    for (const follower of followers) {
      expectBytes(follower, content.length);
      expect(follower.end()).toBe("whole");
    }
  });

  it("costs one look at the record for all who follow here", async () => {
    const world = createWorld("regions");
    let looks = 0;
    const metadata = {
      ...world.metadata,
      upload: (by: Parameters<typeof world.metadata.upload>[0]) => {
        looks++;
        return world.metadata.upload(by);
      },
    };
    const a = world.server("a", { metadata });
    const view = await a.create(alice, createRequest(content.length));
    const followers = await Promise.all(Array.from({ length: 20 }, () => follow(a, view)));
    looks = 0;
    await second(world.clock);
    expect(looks).toBeGreaterThan(1);
    expect(looks).toBeLessThan(5);
    // Where nothing comes the record is left alone for longer, never for a second.
    for (let wait = 0; wait < 9; wait++) await second(world.clock);
    expect(looks).toBeLessThan(20);
    expect(looks).toBeGreaterThan(10);
    for (const { leave } of followers) leave();
    await turns();
    looks = 0;
    await second(world.clock);
    expect(looks).toBe(0);
  });

  it("and its abort", async () => {
    const world = createWorld("regions");
    const [a, b] = [world.server("a"), world.server("b")];
    const view = await a.create(alice, createRequest(content.length));
    await world.within(putParts(a, view, content, [0, 1]));
    const follower = await follow(a, view);
    await world.within(b.abort(alice, view.id));
    await second(world.clock);
    expect(follower.end()).toMatchObject({ code: "upload_ended" });
  });
});
