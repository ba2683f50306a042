import { createPartSet, type Grid, MIB } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { doubt, doubtAt } from "./first.ts";
import { faster, freshLine } from "./line.ts";
import type { Flight } from "./schedule.ts";
import type { Plan } from "./state.ts";

const GRID: Grid = { size: 100 * MIB, partSize: MIB };
const BOUNDS = { partSize: MIB, runPartsMax: 64, inFlightMax: 12 };

function planWith(flight: Partial<Flight>, line = freshLine(BOUNDS, 0)): Plan {
  return {
    grid: GRID,
    committed: createPartSet(100),
    placed: [],
    flights: [{ run: 1, range: [0, 1], startedAt: 1_000, begunAt: 1_000, ...flight }],
    line,
    runPartsMax: 64,
    offset: 0,
    resumedBytes: 0,
    doubtful: [],
    resent: 0,
    dead: 0,
    showsRuns: false,
    bad: new Map(),
  };
}

describe("a first run of which nothing is heard", () => {
  it("has a second one beside it after some seconds, once", () => {
    const plan = planWith({});
    expect(doubtAt(plan)).toBe(6_000);
    expect(doubt(plan, 5_999)).toBe(plan);
    const doubted = doubt(plan, 6_000);
    expect(doubted.line).toEqual({ ...plan.line, inFlight: 2 });
    expect(doubtAt(doubted)).toBeUndefined();
  });

  it("is given the time that its pace asks for", () => {
    expect(doubtAt(planWith({ pace: MIB / 20 }))).toBe(41_000);
    expect(doubtAt(planWith({ pace: 100 * MIB }))).toBe(6_000);
  });

  it("is left alone while it waits for its turn, and where the line is known", () => {
    const waiting: Flight = { run: 1, range: [0, 1], startedAt: 1_000 };
    for (const flights of [[waiting], []])
      expect(doubtAt({ ...planWith({}), flights })).toBeUndefined();
    const known = freshLine(BOUNDS, 0, { inFlight: 1, rate: 50_000 });
    expect(doubtAt(planWith({}, known))).toBeUndefined();
    const run = { bytes: MIB, startedAt: 0, at: 60_000, left: 99 * MIB };
    expect(doubtAt(planWith({}, faster(freshLine(BOUNDS, 0), run)))).toBeUndefined();
  });
});
