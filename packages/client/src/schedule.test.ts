import {
  addPart,
  createPartSet,
  hasPart,
  KIB,
  MIB,
  type PartRange,
  partSizeAt,
} from "@holdfast/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  committedBytes,
  type Flight,
  faster,
  freshLine,
  type Line,
  MEMORY,
  nextRun,
  shortest,
  slower,
} from "./schedule.ts";

const lines = fc
  .record({
    partSize: fc.constantFrom(256 * KIB, MIB, 2 * MIB, 16 * MIB, 128 * MIB),
    runPartsMax: fc.integer({ min: 1, max: 64 }),
    inFlight: fc.integer({ min: 1, max: 16 }),
  })
  .map(({ partSize, runPartsMax, inFlight }) => ({
    partSize,
    runPartsMax,
    line: freshLine(partSize, runPartsMax, inFlight),
  }));

function setOf(partCount: number, indexes: Iterable<number>) {
  const set = createPartSet(partCount);
  for (const index of indexes) addPart(set, index);
  return set;
}

describe("a fresh line", () => {
  it("sends runs of 8 MiB, four at a time", () => {
    expect(freshLine(MIB, 64, 4)).toMatchObject({ inFlight: 4, runParts: 1, runPartsMax: 8 });
    expect(freshLine(256 * KIB, 64, 4)).toMatchObject({
      inFlight: 4,
      runParts: 1,
      runPartsMax: 32,
    });
    expect(freshLine(MIB, 3, 4)).toMatchObject({ inFlight: 4, runParts: 1, runPartsMax: 3 });
  });

  it("stays within its memory, but for one part that is larger than that", () => {
    fc.assert(
      fc.property(lines, ({ partSize, runPartsMax, line }) => {
        expect(line.runParts).toBeGreaterThanOrEqual(1);
        expect(line.runParts).toBeLessThanOrEqual(runPartsMax);
        const memory = line.inFlightMax * line.runPartsMax * partSize;
        expect(memory).toBeLessThanOrEqual(Math.max(MEMORY, partSize));
      }),
    );
  });
});

/** A line on which everything went well for long. */
function grownLine(): Line {
  let line = freshLine(MIB, 64, 4);
  for (let success = 0; success < 12; success++) line = faster(line);
  return line;
}

describe("a line that is learned", () => {
  it("begins with one part a run, and doubles with each round that went well", () => {
    const sizes: number[] = [];
    let line = freshLine(MIB, 64, 4);
    for (let round = 0; round < 5; round++) {
      sizes.push(line.runParts);
      for (let success = 0; success < 4; success++) line = faster(line);
    }
    expect(sizes).toEqual([1, 2, 4, 8, 8]);
  });

  it("never leaves its bounds, whatever happens on it", () => {
    const lessons = fc.array(fc.constantFrom("well", "busy", "stall", "cut", "large"));
    fc.assert(
      fc.property(lines, lessons, ({ line: first }, happenings) => {
        let line = first;
        for (const what of happenings) {
          if (what === "well") line = faster(line);
          else line = what === "large" ? shortest(line) : slower(line, what);
          expect(line.inFlight).toBeGreaterThanOrEqual(1);
          expect(line.inFlight).toBeLessThanOrEqual(line.inFlightMax);
          expect(line.runParts).toBeGreaterThanOrEqual(1);
          expect(line.runParts).toBeLessThanOrEqual(line.runPartsMax);
        }
      }),
    );
  });

  it("halves what is in flight at once where the server is busy, and grows by one for each round that went well", () => {
    let line = slower(grownLine(), "busy");
    expect(line).toMatchObject({ inFlight: 2, runParts: 8 });
    line = faster(faster(line));
    expect(line).toMatchObject({ inFlight: 3, runParts: 8 });
    expect(slower(slower(slower(line, "busy"), "busy"), "busy")).toMatchObject({ inFlight: 1 });
  });

  it("halves runs too after a stall, and does not double them into the next one", () => {
    let line = slower(grownLine(), "stall");
    const seen = [[line.inFlight, line.runParts]];
    for (let step = 0; step < 5; step++) {
      for (let success = 0; success < 4; success++) line = faster(line);
      seen.push([line.inFlight, line.runParts]);
    }
    expect(seen).toEqual([
      [2, 4],
      [3, 5],
      [4, 6],
      [4, 7],
      [4, 8],
      [4, 8],
    ]);
    expect(line.isCareful).toBe(false);
  });

  it("halves runs after a cut, with as many in flight as before", () => {
    expect(slower(grownLine(), "cut")).toMatchObject({ inFlight: 4, runParts: 4 });
  });

  it("never sends longer runs again once somebody said that they are too large", () => {
    let line = shortest(freshLine(MIB, 64, 4));
    for (let round = 0; round < 50; round++) line = faster(line);
    expect(line).toMatchObject({ inFlight: 4, runParts: 1 });
  });
});

describe("the next run", () => {
  const grids = fc.integer({ min: 1, max: 200 }).chain((partCount) =>
    fc.record({
      partCount: fc.constant(partCount),
      committed: fc.array(fc.integer({ min: 0, max: partCount - 1 })),
      inFlight: fc.integer({ min: 1, max: 6 }),
    }),
  );

  it("fills every grid: each missing part is in exactly one run, no run is too long, none overlaps another", () => {
    fc.assert(
      fc.property(grids, ({ partCount, committed, inFlight }) => {
        const set = setOf(partCount, committed);
        const line = { ...freshLine(MIB, 64, inFlight), inFlight: 1000 };
        const flights: Flight[] = [];
        const seen = new Set<number>();
        for (let range = nextRun(set, flights, line); range; range = nextRun(set, flights, line)) {
          expect(range[1] - range[0]).toBeLessThanOrEqual(line.runParts);
          for (let index = range[0]; index < range[1]; index++) {
            expect(hasPart(set, index)).toBe(false);
            expect(seen.has(index)).toBe(false);
            seen.add(index);
          }
          flights.push({ run: flights.length, range });
        }
        expect(seen.size).toBe(partCount - new Set(committed).size);
      }),
    );
  });

  it("is none while enough are in flight", () => {
    const flights: Flight[] = [0, 8, 16, 24].map((at) => ({ run: at, range: [at, at + 8] }));
    expect(nextRun(createPartSet(100), flights, freshLine(MIB, 64, 4))).toBeUndefined();
  });

  it("goes round what is in flight", () => {
    const line = grownLine();
    const flights: Flight[] = [{ run: 1, range: [2, 4] }];
    expect(nextRun(setOf(100, [0]), flights, line)).toEqual([1, 2]);
    expect(nextRun(setOf(100, [0, 1]), flights, line)).toEqual([4, 12]);
  });

  it("gets shorter towards the end, down to a quarter", () => {
    const line = grownLine();
    const runs = [16, 8, 3].map((missing): PartRange | undefined =>
      nextRun(createPartSet(missing), [], line),
    );
    expect(runs).toEqual([
      [0, 4],
      [0, 2],
      [0, 2],
    ]);
  });
});

describe("committed bytes", () => {
  it("are the sizes of the parts, the short one at the end too", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 5000 }),
        fc.infiniteStream(fc.boolean()),
        (size, is) => {
          const grid = { size, partSize: 64 };
          const set = createPartSet(Math.ceil(size / 64));
          let expected = 0;
          for (let index = 0; index < set.partCount; index++) {
            if (!is.next().value) continue;
            addPart(set, index);
            expected += partSizeAt(grid, index);
          }
          expect(committedBytes(grid, set)).toBe(expected);
        },
      ),
    );
  });
});
