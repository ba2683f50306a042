// A clock that jumps: what it may not end, for how long, and who may say that it is right.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEngine } from "@holdfast/engine";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { alice, createRequest, memoryParts } from "@holdfast/testkit/world";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HELD_MS, judge, openClockGuard, type Reading, type Tick } from "./clock-guard.ts";
import { keepSweeping, SWEEP_EVERY_MS } from "./sweeping.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;
const START = Date.UTC(2026, 0, 1);

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-clock-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe("a look at the clock", () => {
  const before = { wall: START, up: 5 * DAY, boot: "one", leftMs: 0, aheadMs: 0 };
  it.each([
    ["half an hour later", { wall: START + 30 * MINUTE, up: 5 * DAY + 30 * MINUTE }, 0],
    ["a month later, the machine ran", { wall: START + 30 * DAY, up: 35 * DAY }, 0],
    ["an hour ahead", { wall: START + HOUR, up: 5 * DAY }, 0],
    ["more than an hour ahead", { wall: START + HOUR + 1, up: 5 * DAY }, HELD_MS],
    ["a year ahead", { wall: START + YEAR, up: 5 * DAY + MINUTE }, HELD_MS],
    ["set back by a year", { wall: START - YEAR, up: 5 * DAY + MINUTE }, 0],
    ["the machine was started anew", { wall: START + 10 * MINUTE, up: MINUTE, boot: "two" }, 0],
    [
      "the machine was off for a week",
      { wall: START + 7 * DAY, up: 9 * DAY, boot: "two" },
      HELD_MS,
    ],
    ["1970", { wall: 5000, up: 5 * DAY }, 0],
  ])("%s", (_name, now, leftMs) => {
    expect(judge(before, { boot: "one", ...now })).toMatchObject({ boot: "one", ...now, leftMs });
  });

  it("is the first one: there is nothing to compare with", () => {
    expect(judge(undefined, { wall: START, up: 1, boot: "x" }).leftMs).toBe(0);
  });

  it("believes after a day of running, wherever that was", () => {
    const held = { ...before, leftMs: HELD_MS, aheadMs: YEAR };
    const later = judge(held, { wall: START + 23 * HOUR, up: 5 * DAY + 23 * HOUR, boot: "one" });
    expect(later.leftMs).toBe(HOUR);
    // Being off is no running.
    const off = judge(later, { wall: later.wall + 50 * MINUTE, up: MINUTE, boot: "two" });
    expect(off.leftMs).toBe(HOUR);
    const last = judge(off, { wall: off.wall + HOUR, up: MINUTE + HOUR, boot: "two" });
    expect(last.leftMs).toBe(0);
  });
});

describe("a clock that is not believed", () => {
  const before = { wall: START, up: 5 * DAY, boot: "one", leftMs: 0, aheadMs: 0 };
  const ahead = judge(before, { ...before, wall: START + YEAR });
  const set = (last: Tick, ms: number) => judge(last, { ...last, wall: last.wall + ms });

  it("is not believed for being set back by a part of what it is ahead", () => {
    const nearer = set(ahead, -2 * HOUR);
    expect(nearer.leftMs).toBe(HELD_MS);
    expect(set(nearer, 3 * HOUR - YEAR).leftMs).toBe(0);
    // In small steps too.
    let slow = set(before, 3 * HOUR);
    for (const leftMs of [HELD_MS, HELD_MS, 0]) {
      slow = set(slow, -50 * MINUTE);
      expect(slow.leftMs).toBe(leftMs);
    }
  });

  it("gets the day anew where it jumps again", () => {
    const later = { ...ahead, wall: ahead.wall + 20 * HOUR, up: ahead.up + 20 * HOUR };
    const held = judge(ahead, later);
    expect(held.leftMs).toBe(4 * HOUR);
    expect(set(held, 2 * HOUR).leftMs).toBe(HELD_MS);
    const started = { ...held, boot: "two", up: MINUTE };
    expect(judge(held, { ...started, wall: held.wall + YEAR }).leftMs).toBe(HELD_MS);
  });

  it("is believed now and then on a machine that is off every night", () => {
    let last: Tick = before;
    const sweptOn: number[] = [];
    for (let day = 1; day <= 14; day++) {
      const morning = START + day * DAY;
      for (let hour = 0; hour <= 10; hour++) {
        const now = { wall: morning + hour * HOUR, up: MINUTE + hour * HOUR, boot: `day ${day}` };
        last = judge(last, now);
        if (last.leftMs === 0 && !sweptOn.includes(day)) sweptOn.push(day);
      }
    }
    expect(sweptOn).toEqual([3, 6, 9, 12]);
  });
});

describe("a server whose clock is set forward by a year", () => {
  function begin() {
    const virtual = createVirtualClock();
    let offMs = 0;
    const clock = { ...virtual, now: () => virtual.now() + offMs };
    const logged: [string, string][] = [];
    const log = (level: string, event: string) => void logged.push([level, event]);
    const read = (): Reading => ({ wall: clock.now(), up: clock.monotonic(), boot: "one" });
    const guard = openClockGuard(directory, log, read);
    const engine = createEngine(memoryParts({ clock }));
    const set = (ms: number) => {
      offMs += ms;
    };
    return { clock, logged, guard, engine, log, set };
  }
  async function state({ engine }: Pick<ReturnType<typeof begin>, "engine">, id: string) {
    const view = await engine.status(alice, id).catch(() => undefined);
    return view?.state ?? "ended";
  }
  const noted = () => readFileSync(join(directory, "clock.json"), "utf8");

  it("ends nothing by it, says so once, and goes on when it is put right", async () => {
    const world = begin();
    const { clock, logged, guard, engine, log, set } = world;
    /** Lets half an hour pass, and the sweep that comes with it. */
    async function sweep(): Promise<void> {
      const before = noted();
      clock.advance(SWEEP_EVERY_MS);
      await expect.poll(noted).not.toBe(before);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const sweeping = keepSweeping(engine, clock, log, guard);
    await expect.poll(() => existsSync(join(directory, "clock.json"))).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { id } = await engine.create(alice, createRequest(1000));
    set(YEAR);
    for (let sweeps = 0; sweeps < 4; sweeps++) await sweep();
    expect(logged).toEqual([["warn", "the clock has jumped: for 24 hours nothing ends by it"]]);
    expect(await state(world, id)).toBe("open");
    set(-YEAR);
    await sweep();
    expect(logged.at(-1)).toEqual(["info", "the clock is believed again"]);
    expect(await state(world, id)).toBe("open");
    sweeping.stop();
  });

  it("ends it where somebody says that the clock is right, or after the day", async () => {
    const world = begin();
    const { clock, guard, engine, set } = world;
    const sweep = () => engine.sweep("server", { isDryRun: false, isHeld: guard.isHeld });
    await sweep();
    const first = await engine.create(alice, createRequest(1000));
    set(YEAR);
    expect(await sweep()).toMatchObject({ isHeld: true, expired: { count: 0 } });
    await guard.trust();
    expect(await sweep()).toMatchObject({ isHeld: false, expired: { count: 1 } });
    expect(await state(world, first.id)).toBe("ended");
    const second = await engine.create(alice, createRequest(1000));
    set(YEAR);
    for (let hours = 0; hours <= 24; hours++) {
      expect([hours, (await sweep()).isHeld]).toEqual([hours, hours < 24]);
      clock.advance(HOUR);
    }
    expect(await state(world, second.id)).toBe("ended");
  });

  it("remembers over a restart, and what it noted may be anything", async () => {
    const { guard, set, clock } = begin();
    expect(await guard.isHeld()).toBe(false);
    set(YEAR);
    const logged: unknown[] = [];
    const read = () => ({ wall: clock.now(), up: clock.monotonic(), boot: "one" });
    const again = () => openClockGuard(directory, (...line) => void logged.push(line), read);
    expect(await again().isHeld()).toBe(true);
    expect(await again().isHeld()).toBe(true);
    expect(logged).toHaveLength(1);
    for (const text of ["", "{", "null", "[]", '{"wall":"x","up":0,"boot":"one","leftMs":0}']) {
      writeFileSync(join(directory, "clock.json"), text);
      expect([text, await again().isHeld()]).toEqual([text, false]);
    }
  });

  it("goes on where nothing can be noted", async () => {
    const logged: unknown[] = [];
    const nowhere = openClockGuard(join(directory, "nowhere"), (level) => void logged.push(level));
    expect(await nowhere.isHeld()).toBe(false);
    expect(logged).toEqual(["warn"]);
  });
});
