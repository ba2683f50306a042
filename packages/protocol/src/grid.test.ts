// Grids: every vector, and arithmetic that stays exact up to 2^53 - 1.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadVectors } from "../scripts/vectors/load.ts";
import { refusalOf } from "../scripts/vectors/refusal.ts";
import {
  choosePartSize,
  type Grid,
  type GridLimits,
  PART_SIZE_STEP,
  partCount,
  partOffset,
  partSizeAt,
  runSize,
  SIZE_MAX,
} from "./grid.ts";
import { requireInGrid } from "./run.ts";

interface Choice {
  readonly limits: string;
  readonly size: number;
  readonly wish?: number;
  readonly partSize?: number;
  readonly error?: string;
  readonly field?: string;
}

const vectors = loadVectors<{
  limits: Record<string, GridLimits>;
  choose: Choice[];
  parts: (Grid & { partCount: number; parts: [number, number, number][] })[];
  runs: (Grid & { run: [number, number]; runSize?: number; error?: string })[];
}>("grid.json");

function limitsOf(name: string): GridLimits {
  const limits = vectors.limits[name];
  if (!limits) throw new RangeError(`no limits ${name}`);
  return limits;
}

describe("choosePartSize", () => {
  it.each(vectors.choose.filter((choice) => choice.error === undefined))(
    "$limits, $size bytes, wish $wish: $partSize",
    ({ limits, size, wish, partSize }) =>
      expect(choosePartSize(size, limitsOf(limits), wish)).toBe(partSize),
  );

  it.each(vectors.choose.filter((choice) => choice.error !== undefined))(
    "$limits, $size bytes, wish $wish: $error",
    ({ limits, size, wish, error, field }) => {
      const refusal = refusalOf(() => choosePartSize(size, limitsOf(limits), wish));
      expect(refusal?.code).toBe(error);
      if (field !== undefined) expect(refusal?.field).toBe(field);
    },
  );

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    "refuses a size of %d",
    (size) => {
      expect(refusalOf(() => choosePartSize(size, limitsOf("disk")))?.field).toBe("size");
      expect(refusalOf(() => choosePartSize(1, limitsOf("disk"), size))?.field).toBe("partSize");
    },
  );

  it("chooses the smallest allowed power of two, a multiple of the step", () => {
    const limits = limitsOf("disk");
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100_000 * limits.partSizeMax }), (size) => {
        const partSize = choosePartSize(size, limits);
        expect(partSize % PART_SIZE_STEP).toBe(0);
        expect(Math.log2(partSize) % 1).toBe(0);
        expect(partCount({ size, partSize })).toBeLessThanOrEqual(limits.partCountMax);
        if (partSize > 2 ** 20)
          expect(partCount({ size, partSize: partSize / 2 })).toBeGreaterThan(limits.partCountMax);
      }),
    );
  });
});

describe("grid", () => {
  it.each(vectors.parts)("$size bytes in parts of $partSize", ({ parts, ...grid }) => {
    expect(partCount(grid)).toBe(grid.partCount);
    for (const [index, offset, size] of parts) {
      expect(partOffset(grid, index)).toBe(offset);
      expect(partSizeAt(grid, index)).toBe(size);
    }
  });

  it.each(vectors.runs)(
    "run $run of $size bytes in parts of $partSize",
    ({ run, error, ...grid }) => {
      expect(refusalOf(() => requireInGrid(grid, run))?.code).toBe(error);
      if (grid.runSize !== undefined) expect(runSize(grid, ...run)).toBe(grid.runSize);
    },
  );

  it("counts parts exactly up to 2^53 - 1 bytes", () => {
    const sizes = fc.oneof(fc.maxSafeNat(), fc.integer({ min: SIZE_MAX - 1000, max: SIZE_MAX }));
    const partSizes = fc.oneof(
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 1, max: SIZE_MAX }),
    );
    fc.assert(
      fc.property(sizes, partSizes, (size, partSize) => {
        const [s, p] = [BigInt(size), BigInt(partSize)];
        expect(BigInt(partCount({ size, partSize }))).toBe((s + p - 1n) / p);
      }),
    );
  });

  it("counts parts exactly where a size is one byte off a border", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 40 }),
        fc.integer({ min: -1, max: 1 }),
        (partSize, off) => {
          const count = Math.floor((SIZE_MAX - 1) / partSize);
          const grid = { size: count * partSize + off, partSize };
          const expected = partSize === 1 ? count + off : off > 0 ? count + 1 : count;
          expect(partCount(grid)).toBe(expected);
        },
      ),
    );
  });

  it("covers every byte once", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 5000 }),
        fc.integer({ min: 1, max: 700 }),
        (size, partSize) => {
          const grid = { size, partSize };
          const count = partCount(grid);
          let at = 0;
          for (let index = 0; index < count; index++) {
            expect(partOffset(grid, index)).toBe(at);
            expect(runSize(grid, index, index + 1)).toBe(partSizeAt(grid, index));
            at += partSizeAt(grid, index);
          }
          expect(at).toBe(size);
          expect(runSize(grid, 0, count)).toBe(size);
          expect(runSize(grid, count, count)).toBe(0);
        },
      ),
    );
  });
});
