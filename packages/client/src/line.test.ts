import { KIB, MIB } from "@holdfast/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Bounds,
  faster,
  freshLine,
  IN_FLIGHT,
  IN_FLIGHT_KEPT,
  knownOf,
  type Line,
  MEMORY,
  moving,
  RUN_SIZE,
  slower,
  slowRunMs,
} from "./line.ts";
import { isTry, longerFailed, longerPassed, shortest, tryParts } from "./longer-runs.ts";

const USUAL: Bounds = { partSize: MIB, runPartsMax: 64, inFlightMax: IN_FLIGHT };

/** Rounds of runs, all at once, on a line of which each connection gets what `rate` says, in bytes a second. */
function play(
  line: Line,
  rounds: number,
  rate: (inFlight: number) => number,
  left: number = Infinity,
): { readonly line: Line; readonly seen: readonly (readonly [number, number])[] } {
  let now = line;
  let at = now.round.since;
  const seen: [number, number][] = [];
  for (let round = 0; round < rounds; round++) {
    const { inFlight, runParts } = now;
    const bytes = runParts * now.bounds.partSize;
    const startedAt = at;
    at += (bytes * 1000) / rate(inFlight);
    for (let run = 0; run < inFlight; run++) now = faster(now, { bytes, startedAt, at, left });
    seen.push([now.inFlight, now.runParts]);
  }
  return { line: now, seen };
}

const shared = (total: number) => (inFlight: number) => total / inFlight;

describe("a fresh line", () => {
  it("begins with one run of one part", () => {
    expect(freshLine(USUAL, 0)).toMatchObject({ inFlight: 1, runParts: 1 });
    expect(freshLine({ ...USUAL, inFlightMax: 1 }, 0)).toMatchObject({ inFlight: 1 });
  });

  it("that is known begins near where it was, within the bounds of today", () => {
    const known = { inFlight: 8, rate: 8 * MIB };
    expect(freshLine(USUAL, 0, known)).toMatchObject({ inFlight: 8, runParts: 2 });
    expect(freshLine({ ...USUAL, inFlightMax: 3 }, 0, known)).toMatchObject({ inFlight: 3 });
    const mad = { inFlight: 1e9, rate: 1e15 };
    const line = freshLine(USUAL, 0, mad);
    expect(line.inFlight * line.runParts * MIB).toBeLessThanOrEqual(MEMORY);
  });
});

describe("a line that is learned", () => {
  it("takes four at once after the first run, and one where a part takes long", () => {
    expect(play(freshLine(USUAL, 0), 1, shared(2.5e6)).seen).toEqual([[4, 4]]);
    expect(play(freshLine(USUAL, 0), 1, shared(MIB / 2)).seen).toEqual([[2, 2]]);
    expect(play(freshLine(USUAL, 0), 2, shared(MIB / 4)).seen.map(([runs]) => runs)).toEqual([
      2, 1,
    ]);
    expect(play(freshLine(USUAL, 0), 1, shared(67_000)).seen).toEqual([[1, 1]]);
  });

  it("makes runs longer until they take some seconds", () => {
    const { seen } = play(freshLine(USUAL, 0), 5, shared(10 * MIB));
    // The fifth in flight, which is tried last, takes its share of the memory.
    expect(seen.map(([, runParts]) => runParts)).toEqual([4, 16, 10, 10, 8]);
    expect(play(freshLine(USUAL, 0), 2, shared(300 * MIB)).line.runParts).toBe(16);
  });

  it("keeps them shorter where that is asked for", () => {
    const { seen } = play(freshLine({ ...USUAL, runMs: 1_000 }, 0), 5, shared(10 * MIB));
    expect(seen.map(([, runParts]) => runParts).at(-1)).toBe(2);
  });

  it("keeps one more in flight only while that gains something", () => {
    const lossy = play(freshLine(USUAL, 0), 40, () => MIB);
    expect(lossy.line.inFlight).toBe(IN_FLIGHT);
    const full = play(freshLine(USUAL, 0), 40, shared(20 * MIB)).seen.map(([runs]) => runs);
    expect(Math.max(...full)).toBeLessThanOrEqual(5);
    expect(full.filter((runs) => runs === 5).length).toBeLessThan(8);
  });

  it("goes up by twice as many while each brings as much as the others", () => {
    const lossy = play(freshLine(USUAL, 0), 40, () => MIB).seen.map(([runs]) => runs);
    expect([...new Set(lossy)]).toEqual([4, 5, 7, 11, 12]);
  });

  it("tries no more where the rest is too little for it to gain anything", () => {
    const after = (left: number) => play(freshLine(USUAL, 0), 8, () => MIB, left).line.inFlight;
    expect(after(16 * MIB)).toBe(4);
    expect(after(64 * MIB)).toBeGreaterThan(4);
  });

  it("takes several at once when the first run moves well, before it has ended", () => {
    const line = freshLine(USUAL, 0);
    expect(moving(line, 67_000)).toBe(line);
    expect(moving(line, 0.5e6)).toMatchObject({ inFlight: 2, runParts: 1 });
    expect(moving(line, 1e6)).toMatchObject({ inFlight: 4, runParts: 1 });
    expect(moving(line, 1e9)).toMatchObject({ inFlight: 4, runParts: 1 });
    expect(moving(moving(line, 1e9), 67_000).inFlight).toBe(4);
    const known = play(line, 2, shared(MIB / 4)).line;
    expect(moving(known, 1e9)).toBe(known);
  });

  it("takes back what a wrong hope began", () => {
    const { line } = play(moving(freshLine(USUAL, 0), 1e9), 1, shared(67_000));
    expect(line).toMatchObject({ inFlight: 1, runParts: 1 });
  });

  it("comes down where the line has become slow", () => {
    const fast = play(freshLine(USUAL, 0), 40, () => 4 * MIB).line;
    const slow = play(fast, 4, shared(MIB / 16)).line;
    expect(slow).toMatchObject({ inFlight: 1, runParts: 1 });
    // And up again where it has recovered.
    expect(play(slow, 60, () => 4 * MIB).line.inFlight).toBe(IN_FLIGHT);
  });

  it("halves what is in flight where the server is busy, and rests before it tries again", () => {
    const grown = play(freshLine(USUAL, 0), 12, () => MIB).line;
    const busy = slower(grown, "busy", 1e9);
    expect(busy.inFlight).toBe(grown.inFlight >> 1);
    const after = play(busy, 6, () => MIB).seen.map(([inFlight]) => inFlight);
    expect(after.slice(0, 4)).toEqual(Array(4).fill(busy.inFlight));
    expect(after.at(-1)).toBeGreaterThan(busy.inFlight);
    const least = ["busy", "busy", "busy", "busy"] as const;
    expect(least.reduce((line, lesson) => slower(line, lesson, 1e9), grown).inFlight).toBe(1);
  });

  it("halves runs too after a stall, and does not double them into the next one", () => {
    const grown = play(freshLine(USUAL, 0), 12, shared(40 * MIB)).line;
    const stalled = slower(grown, "stall", 1e9);
    expect(stalled).toMatchObject({ runParts: grown.runParts >> 1, isCareful: true });
    const { seen } = play(stalled, 3, shared(40 * MIB));
    expect(seen.map(([, runParts]) => runParts - stalled.runParts)).toEqual([1, 2, 3]);
    expect(play(stalled, 40, shared(40 * MIB)).line.isCareful).toBe(false);
  });

  it("counts cuts, and sends as before", () => {
    const grown = play(freshLine(USUAL, 0), 12, () => MIB).line;
    expect(slower(grown, "cut", 1e9)).toEqual({ ...grown, cuts: 1 });
  });

  it("shares itself among more once it cuts, where what came before is kept, as far as each of them still carries a part in good time", () => {
    const bounds: Bounds = { ...USUAL, inFlightMax: IN_FLIGHT_KEPT, keepsCut: true };
    const cutTwice = (line: Line) => slower(slower(line, "cut", 1e9), "cut", 1e9);
    const grown = play(freshLine(bounds, 0), 12, shared(2.5e6)).line;
    expect(slower(grown, "cut", 1e9).inFlight).toBe(grown.inFlight);
    expect(cutTwice(grown).inFlight).toBe(16);
    expect(play(cutTwice(grown), 16, shared(2.5e6)).line).toMatchObject({
      inFlight: 16,
      runParts: 3,
    });
    const slow = play(freshLine(bounds, 0), 12, shared(1.2e6)).line;
    expect(cutTwice(slow).inFlight).toBe(8);
    expect(cutTwice(freshLine(bounds, 0)).inFlight).toBe(1);
    const others = play(freshLine(USUAL, 0), 12, shared(2.5e6)).line;
    expect(cutTwice(others).inFlight).toBe(others.inFlight);
  });

  it("never sends longer runs again once somebody said that they are too large", () => {
    const line = shortest(play(freshLine(USUAL, 0), 12, () => 20 * MIB).line);
    expect(play(line, 20, () => 20 * MIB).line.runParts).toBe(1);
  });

  it("passes over runs that began before the last change", () => {
    const line = slower(play(freshLine(USUAL, 0), 8, () => MIB).line, "busy", 1e6);
    const old = faster(line, { bytes: MIB, startedAt: 0, at: 1e6 + 1, left: Infinity });
    expect(old.round).toEqual({ ...line.round, ended: MIB });
  });

  it("knows what is slow for it", () => {
    const line = freshLine(USUAL, 0);
    expect(slowRunMs(line, MIB)).toBeUndefined();
    const played = play(line, 30, () => MIB).line;
    expect(slowRunMs(played, 2 * MIB)).toBeCloseTo(2000, -1);
  });
});

describe("any line, whatever happens on it", () => {
  const bounds = fc.record({
    partSize: fc.constantFrom(256 * KIB, MIB, 2 * MIB, 16 * MIB, 128 * MIB),
    runPartsMax: fc.integer({ min: 1, max: 64 }),
    inFlightMax: fc.integer({ min: 1, max: 16 }),
  });
  const happenings = fc.array(
    fc.oneof(
      fc.record({ ms: fc.integer({ min: 0, max: 100_000 }) }),
      fc.constantFrom("busy" as const, "stall" as const, "cut" as const, "large" as const),
    ),
  );

  it("stays within its bounds, and runs within their memory but for one part that is larger", () => {
    fc.assert(
      fc.property(bounds, happenings, (limits, what) => {
        let line = freshLine(limits, 0);
        let at = 0;
        for (const one of what) {
          const bytes = line.runParts * limits.partSize;
          if (typeof one === "object") {
            line = faster(line, { bytes, startedAt: at, at: at + one.ms, left: Infinity });
            at += one.ms;
          } else line = one === "large" ? shortest(line) : slower(line, one, at);
          expect(line.inFlight).toBeGreaterThanOrEqual(1);
          expect(line.inFlight).toBeLessThanOrEqual(limits.inFlightMax);
          expect(line.runParts).toBeGreaterThanOrEqual(1);
          expect(line.runParts).toBeLessThanOrEqual(limits.runPartsMax);
          const run = line.runParts * limits.partSize;
          expect(run).toBeLessThanOrEqual(Math.max(RUN_SIZE, limits.partSize));
          expect(line.inFlight * run).toBeLessThanOrEqual(Math.max(MEMORY, limits.partSize));
        }
      }),
    );
  });
});

describe("a limit of bodies that is long ago", () => {
  const known = { inFlight: 4, rate: 20 * MIB, bodyMax: MIB };
  const doubted = freshLine(USUAL, 0, { ...known, bodyRefusedAt: 5, mayTryLonger: true });

  it("stays while it is new", () => {
    const line = freshLine(USUAL, 0, { ...known, bodyRefusedAt: 5 });
    expect([tryParts(line), isTry(line, 2)]).toEqual([undefined, false]);
    expect(play(line, 10, () => 20 * MIB).line.runParts).toBe(1);
    expect(knownOf(line, 0, { ...known, bodyRefusedAt: 5 })).toMatchObject({ bodyRefusedAt: 5 });
  });

  it("grows by one try after the other, and is forgotten where the longest run comes through", () => {
    const seen: (number | undefined)[] = [];
    let line = doubted;
    for (let parts = tryParts(line); parts !== undefined; parts = tryParts(line)) {
      seen.push(parts, line.bodyMax);
      line = longerPassed(line, parts);
    }
    expect(seen).toEqual([2, MIB, 4, 2 * MIB, 8, 4 * MIB, 16, 8 * MIB]);
    expect(line).toMatchObject({ bodyMax: undefined, bounds: { runPartsMax: 16 } });
    expect(knownOf({ ...line, rate: 1 }, 0, known)).not.toHaveProperty("bodyMax");
  });

  it("is a new one after a try that was refused, at what went through, and there is no second try", () => {
    const line = longerFailed(longerPassed(doubted, 2), true);
    expect([tryParts(line), line.bounds.runPartsMax]).toEqual([undefined, 2]);
    const before = { ...known, bodyRefusedAt: 5 };
    expect(knownOf({ ...line, rate: 1 }, 0, before)).toEqual({
      ...known,
      rate: 1,
      bodyMax: 2 * MIB,
    });
    // One that was cut says nothing about it.
    const cut = longerFailed(doubted, false);
    expect(tryParts(cut)).toBeUndefined();
    expect(knownOf({ ...cut, rate: 1 }, 0, before)).toMatchObject({
      bodyMax: MIB,
      bodyRefusedAt: 5,
    });
  });
});
