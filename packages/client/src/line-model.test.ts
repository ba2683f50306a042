// Whole transfers over modelled lines: what the schedule makes of each.
import { KIB, MIB } from "@holdfast/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RUN_MS_WHOLE } from "./line.ts";
import type { Settings } from "./state.ts";
import { type ModelLine, playTransfer } from "./testing/model-line.ts";

function dice(seed: number): () => number {
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ 0x85ebca6b) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** Transfers, each on other resets. */
function played(
  line: Omit<ModelLine, "dice">,
  size: number,
  partSize: number,
  { seeds = 10, ...settings }: { seeds?: number } & Partial<Settings> = {},
) {
  const ends = Array.from({ length: seeds }, (_, seed) =>
    playTransfer(
      { ...line, dice: dice(seed) },
      { size, partSize },
      { inFlight: 12, canAsk: true, ...settings },
    ),
  );
  expect(ends.map(({ phase }) => phase)).toEqual(Array(seeds).fill("complete"));
  const speeds = ends.map(({ speed }) => speed).toSorted((a, b) => a - b);
  return {
    ends,
    speed: median(speeds),
    /** One of twenty is slower than this. */
    slowest: speeds[Math.floor(seeds / 20)] ?? Number.NaN,
    twice: median(ends.map(({ twice }) => twice)),
  };
}

describe("a transfer", () => {
  it("of 100 MiB at 20 Mbit/s with a reset every 8 MiB", () => {
    const { speed, twice } = played(
      { bytesPerSecond: 2.5e6, rttMs: 150, cutEvery: 8 * MIB },
      100 * MIB,
      MIB,
    );
    expect(speed).toBeGreaterThan(0.92);
    expect(twice).toBeLessThan(0.06);
  });

  it("of the same in small parts", () => {
    const { speed, twice } = played(
      { bytesPerSecond: 2.5e6, rttMs: 150, cutEvery: 8 * MIB },
      100 * MIB,
      256 * KIB,
    );
    expect(speed).toBeGreaterThan(0.95);
    expect(twice).toBeLessThan(0.03);
  });

  it("whose runs go out again as a whole after a cut loses little to that, since they are short", () => {
    const resets = { bytesPerSecond: 2.5e6, rttMs: 150, cutEvery: 8 * MIB, repeats: true };
    const settings = { inFlight: 5, seeds: 40 };
    const short = { ...settings, runMs: RUN_MS_WHOLE };
    const { speed, twice } = played(resets, 100 * MIB, 256 * KIB, short);
    expect(speed).toBeGreaterThan(0.88);
    expect(twice).toBeLessThan(0.06);
    expect(played(resets, 100 * MIB, 256 * KIB, settings).twice).toBeGreaterThan(0.1);
  });

  it("over a line on which one connection in ten freezes loses little to that, whenever the client would notice by itself", () => {
    const resets = { bytesPerSecond: 2.5e6, rttMs: 150, cutEvery: 8 * MIB };
    for (const stallMs of [12_000, 30_000]) {
      const frozen = { ...resets, freezing: { share: 0.1, stallMs } };
      const asking = played(frozen, 100 * MIB, MIB, { seeds: 60 });
      expect(asking.speed).toBeGreaterThan(0.9);
      expect(asking.slowest).toBeGreaterThan(0.86);
      expect(asking.twice).toBeLessThan(0.06);
      expect(asking.ends.some(({ dead }) => dead > 0)).toBe(true);
      const waiting = played(frozen, 100 * MIB, MIB, { seeds: 60, canAsk: false });
      expect(waiting.slowest).toBeLessThan(0.75);
    }
  });

  it("whose very first connection freezes loses the seconds until a second one goes beside it, whatever is told before", () => {
    for (const canAsk of [true, false])
      for (const tellsAfterMs of [undefined, 50]) {
        const freezing = { share: 0, stallMs: 30_000, firstAfter: 300 * KIB };
        const line = { bytesPerSecond: 2.5e6, rttMs: 150, freezing };
        const told = tellsAfterMs === undefined ? line : { ...line, tellsAfterMs };
        const { ends } = played(told, 100 * MIB, MIB, { canAsk, seeds: 3 });
        for (const { seconds } of ends) expect(seconds).toBeLessThan(42 + 7);
      }
  });

  it("over a slow line that tells its pace late is not taken for one that froze", () => {
    const slow = { bytesPerSecond: 100_000, rttMs: 300, tellsAfterMs: 1_000 };
    for (const { inFlight } of played(slow, 12 * MIB, MIB).ends)
      expect(Math.max(...inFlight)).toBe(1);
  });

  it("through a proxy that keeps bodies back ends no run that is on its way", () => {
    const resets = { bytesPerSecond: 2.5e6, rttMs: 150, cutEvery: 40 * MIB, keepsBodies: true };
    const { ends } = played(resets, 100 * MIB, MIB, { seeds: 40 });
    expect(ends.some(({ asks }) => asks > 5)).toBe(true);
    expect(Math.max(...ends.map(({ dead }) => dead))).toBe(0);
  });

  it("ends no run that goes on, where connections only break and get unlike shares", () => {
    const resets = { bytesPerSecond: 2.5e6, rttMs: 150, cutEvery: 8 * MIB };
    for (const line of [resets, { ...resets, unlike: 2 }]) {
      const { ends } = played(line, 100 * MIB, MIB, { seeds: 60 });
      expect(median(ends.map(({ asks }) => asks))).toBeGreaterThan(10);
      expect(ends.reduce((sum, { dead }) => sum + dead, 0)).toBe(0);
    }
  });

  it("over a line without trouble hardly ever asks, and ends nothing that only takes its time", () => {
    for (const line of [
      { bytesPerSecond: 25e6, rttMs: 100, crowdedAbove: 4, unlike: 2, tellsAfterMs: 300 },
      { bytesPerSecond: 5e6, rttMs: 100, unlike: 5 },
      { bytesPerSecond: 1e6, rttMs: 2_000 },
    ]) {
      const { ends } = played(line, 100 * MIB, MIB);
      expect(Math.max(...ends.map(({ dead }) => dead))).toBe(0);
      expect(median(ends.map(({ asks }) => asks))).toBeLessThan(5);
    }
  });

  it("over a line where each connection gets little uses as many as it may", () => {
    const { ends } = played(
      { bytesPerSecond: 25e6, perConnection: 0.3e6, rttMs: 100 },
      200 * MIB,
      MIB,
    );
    expect(ends.every(({ inFlight }) => inFlight.includes(12))).toBe(true);
  });

  it("over a line that one connection fills uses no more than it began with", () => {
    const { ends, speed } = played({ bytesPerSecond: 25e6, rttMs: 20 }, 1024 * MIB, MIB);
    expect(Math.max(...ends.flatMap(({ inFlight }) => inFlight))).toBeLessThanOrEqual(5);
    expect(speed).toBeGreaterThan(0.97);
  });

  it("over a far line that few fill, each with another share of it, uses few, and the first of them soon", () => {
    const far = { bytesPerSecond: 25e6, rttMs: 100, crowdedAbove: 4, unlike: 2 };
    const { ends, speed } = played({ ...far, tellsAfterMs: 300 }, 256 * MIB, MIB);
    expect(ends.filter(({ inFlight }) => inFlight.some((runs) => runs > 5)).length).toBe(0);
    expect(speed).toBeGreaterThan(0.93);
  });

  it("sees no gain where there is none, by the clock or by the runs, and one where there is", () => {
    const far = { bytesPerSecond: 25e6, rttMs: 100, tellsAfterMs: 300 };
    const climbing = (line: Partial<ModelLine>) =>
      played({ ...far, ...line }, 1024 * MIB, MIB, { seeds: 60 }).ends.filter(({ inFlight }) =>
        inFlight.some((runs) => runs > 5),
      ).length;
    // By the clock alone 22 of them go up, since a run more or less in a round looks like a gain.
    expect(climbing({ crowdedAbove: 4, unlike: 2 })).toBeLessThan(12);
    // By the runs alone 29, since those of a latecomer are not among the first that end.
    expect(climbing({ crowdedAbove: 4, unlike: 1.3, latecomers: 0.1 })).toBeLessThan(12);
    const lossy = played({ ...far, unlike: 2, perConnection: 0.3e6 }, 200 * MIB, MIB);
    expect(lossy.ends.filter(({ inFlight }) => inFlight.includes(12)).length).toBeGreaterThan(7);
  });

  it("over a far line where each connection gets little has several at once before the first run has ended", () => {
    const far = { bytesPerSecond: 25e6, perConnection: 1e6, rttMs: 100 };
    const late = played(far, 64 * MIB, MIB).speed;
    expect(played({ ...far, tellsAfterMs: 300 }, 64 * MIB, MIB).speed).toBeGreaterThan(late * 1.03);
  });

  it("over a very slow line that tells its pace sends one after another all the same", () => {
    const slow = { bytesPerSecond: 67_000, rttMs: 100, resetEveryMs: 60_000, tellsAfterMs: 300 };
    const { ends, twice } = played(slow, 12 * MIB, MIB);
    expect(twice).toBeLessThan(0.1);
    for (const { inFlight } of ends) expect(Math.max(...inFlight)).toBe(1);
  });

  it("appends over a very slow line that is reset every minute, where not even one part would get through unharmed", () => {
    for (const partSize of [256 * KIB, MIB]) {
      const { ends, twice } = played(
        { bytesPerSecond: 67_000, rttMs: 100, resetEveryMs: 60_000 },
        12 * MIB,
        partSize,
      );
      expect(twice).toBeLessThan(0.1);
      for (const { appends } of ends) expect(appends).toBeGreaterThan(2);
    }
  });

  it("over a slow line that breaks before a part is through keeps what appends have brought, and suspects nobody", () => {
    const slow = { bytesPerSecond: 67_000, rttMs: 300, cutEvery: MIB };
    for (const { notices } of played(slow, 12 * MIB, MIB, { seeds: 60 }).ends)
      expect(notices).toEqual([]);
  });

  it("does not append where a connection carries much", () => {
    const { ends } = played(
      { bytesPerSecond: 2.5e6, rttMs: 150, cutEvery: 100 * MIB },
      50 * MIB,
      MIB,
    );
    // Two cuts soon after each other look like a bad line for a while.
    expect(median(ends.map(({ appends }) => appends))).toBe(0);
  });

  it("of small parts over a very slow line sends one after another", () => {
    const { ends, twice } = played(
      { bytesPerSecond: 67_000, rttMs: 100, resetEveryMs: 60_000 },
      12 * MIB,
      256 * KIB,
    );
    expect(twice).toBeLessThan(0.1);
    for (const { inFlight } of ends) expect(inFlight.at(-1)).toBe(1);
  });

  it("to a server that takes three at once settles there", () => {
    const { ends } = played({ bytesPerSecond: 25e6, rttMs: 50, busyAbove: 3 }, 1024 * MIB, MIB);
    for (const { busyAnswers, inFlight } of ends) {
      expect(inFlight.at(-1)).toBeLessThanOrEqual(4);
      expect(busyAnswers).toBeLessThan(30);
    }
  });

  it("sends runs of 2 to 5 s once it knows the line", () => {
    const { ends } = played({ bytesPerSecond: 4e6, rttMs: 50 }, 256 * MIB, 256 * KIB);
    for (const { runs } of ends) {
      const seconds = median(runs) / (4e6 / 4);
      expect(seconds).toBeGreaterThan(2);
      expect(seconds).toBeLessThan(5);
    }
  });

  it("reaches its end on any line, and sends little twice where parts are small beside what a connection carries", () => {
    const lines = fc.record({
      bytesPerSecond: fc.integer({ min: 20_000, max: 100_000_000 }),
      perConnection: fc.option(fc.integer({ min: 20_000, max: 10_000_000 }), { nil: 1e12 }),
      rttMs: fc.integer({ min: 0, max: 2000 }),
      cutEvery: fc.integer({ min: 16 * MIB, max: 1000 * MIB }),
      busyAbove: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(lines, fc.integer({ min: 1, max: 1000 }), (line, seed) => {
        const grid = { size: 64 * MIB + 5, partSize: 256 * KIB };
        const end = playTransfer({ ...line, dice: dice(seed) }, grid, { inFlight: 12 });
        expect(end.phase).toBe("complete");
        expect(end.twice).toBeLessThan(0.15);
      }),
      { numRuns: 60 },
    );
  });
});
