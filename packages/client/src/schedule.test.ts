import { addPart, createPartSet, hasPart, type PartRange, partSizeAt } from "@holdfast/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { committedBytes, type Flight, nextRun } from "./schedule.ts";

/** Runs of eight parts, four at a time. */
const LINE = { inFlight: 4, runParts: 8 };

function inFlightUpTo(end: number): Flight {
  return { run: 1, range: [0, end], startedAt: 0 };
}

function setOf(partCount: number, indexes: Iterable<number>) {
  const set = createPartSet(partCount);
  for (const index of indexes) addPart(set, index);
  return set;
}

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
        const line = { inFlight: 1000, runParts: inFlight };
        const flights: Flight[] = [];
        const seen = new Set<number>();
        for (let range = nextRun(set, flights, line); range; range = nextRun(set, flights, line)) {
          expect(range[1] - range[0]).toBeLessThanOrEqual(line.runParts);
          for (let index = range[0]; index < range[1]; index++) {
            expect(hasPart(set, index)).toBe(false);
            expect(seen.has(index)).toBe(false);
            seen.add(index);
          }
          flights.push({ run: flights.length, range, startedAt: 0 });
        }
        expect(seen.size).toBe(partCount - new Set(committed).size);
      }),
    );
  });

  it("is none while enough are in flight", () => {
    const flights: Flight[] = [0, 8, 16, 24].map((at) => ({
      run: at,
      range: [at, at + 8],
      startedAt: 0,
    }));
    expect(nextRun(createPartSet(100), flights, LINE)).toBeUndefined();
  });

  it("goes round what is in flight", () => {
    const flights: Flight[] = [{ run: 1, range: [2, 4], startedAt: 0 }];
    expect(nextRun(setOf(100, [0]), flights, LINE)).toEqual([1, 2]);
    expect(nextRun(setOf(100, [0, 1]), flights, LINE)).toEqual([4, 12]);
  });

  it("leaves out what is in doubt", () => {
    expect(nextRun(createPartSet(100), [], LINE, [[3, 5]])).toEqual([0, 3]);
    expect(nextRun(setOf(100, [0, 1, 2]), [], LINE, [[3, 5]])).toEqual([5, 13]);
    expect(nextRun(setOf(4, [0]), [], LINE, [[1, 4]])).toBeUndefined();
  });

  it("is longer or shorter by where it begins, where runs are to be uneven, and on average as long as usual", () => {
    for (const runParts of [1, 2, 8]) {
      const line = { inFlight: 4, runParts, unevenMax: 64 };
      const lengths = Array.from({ length: 1000 }, (_, start) => {
        const [from, to] = nextRun(createPartSet(5000), [inFlightUpTo(start)], line) ?? [0, 0];
        expect(from).toBe(start);
        return to - from;
      });
      expect(new Set(lengths).size).toBeGreaterThan(1);
      const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
      expect(Math.abs(mean - runParts)).toBeLessThan(0.3);
      const single = { inFlight: 4, runParts, unevenMax: 1 };
      for (let start = 0; start < 100; start++)
        expect(nextRun(createPartSet(5000), [inFlightUpTo(start)], single)?.[1]).toBe(start + 1);
    }
  });

  it("gets shorter towards the end, down to a quarter", () => {
    const runs = [16, 8, 3].map((missing): PartRange | undefined =>
      nextRun(createPartSet(missing), [], LINE),
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
