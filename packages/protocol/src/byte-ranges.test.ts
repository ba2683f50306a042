// Several ranges: every vector, and what holds for any field.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadVectors } from "../scripts/vectors/load.ts";
import type { ByteRange } from "./byte-range.ts";
import { decodeRange } from "./byte-range.ts";
import { decodeRanges, RANGES_MAX } from "./byte-ranges.ts";

const vectors = loadVectors<{
  range: { field: string; size: number; range: [number, number] | string }[];
  ranges: { field: string; size: number; ranges: [number, number][] | string }[];
}>("byte-ranges.json");

describe("several ranges", () => {
  it.each(vectors.ranges)("$field of $size bytes", ({ field, size, ranges }) => {
    const expected =
      typeof ranges === "string" ? ranges : ranges.map(([start, end]) => ({ start, end }));
    expect(decodeRanges(field, size)).toEqual(expected);
  });

  it("are one where there is one", () => {
    for (const { field, size } of vectors.range.filter(({ field }) => !field.includes(","))) {
      const one = decodeRange(field, size);
      expect(decodeRanges(field, size), field).toEqual(typeof one === "string" ? one : [one]);
    }
    expect(decodeRanges(undefined, 10)).toBe("whole");
  });

  it("are as many as they may be, and no more", () => {
    const list = (count: number, gap = "") =>
      `bytes=${Array.from({ length: count }, (_, at) => `${gap}${at * 2}-${at * 2}`).join(",")}`;
    expect(decodeRanges(list(RANGES_MAX), 1000)).toHaveLength(RANGES_MAX);
    expect(decodeRanges(list(RANGES_MAX, " ,"), 1000)).toHaveLength(RANGES_MAX);
    expect(decodeRanges(list(RANGES_MAX + 1), 1000)).toBe("excessive");
    expect(decodeRanges(list(RANGES_MAX, ",,,"), 1000)).toBe("excessive");
    expect(decodeRanges(`bytes=0-1${",".repeat(60_000)}`, 1000)).toBe("excessive");
  });

  const part = fc.record({ start: fc.nat(60), size: fc.integer({ min: 1, max: 20 }) });
  const some = fc.array(part, { minLength: 1, maxLength: 12 });
  const fieldOf = (parts: readonly { start: number; size: number }[]) =>
    `bytes=${parts.map(({ start, size }) => `${start}-${start + size - 1}`).join(", ")}`;
  const bytesOf = (ranges: readonly ByteRange[], size: number) => {
    const bytes = new Set<number>();
    for (const { start, end } of ranges) {
      for (let at = start; at < Math.min(end, size); at++) bytes.add(at);
    }
    return [...bytes].sort((a, b) => a - b);
  };

  it("are exactly the bytes that were asked for, each of them once", () => {
    fc.assert(
      fc.property(some, fc.nat(80), (parts, size) => {
        const ranges = decodeRanges(fieldOf(parts), size);
        if (typeof ranges === "string") return;
        const wanted = parts.map(({ start, size: of }) => ({ start, end: start + of }));
        const got = ranges.flatMap(({ start, end }) => bytesOf([{ start, end }], size));
        expect(got.toSorted((a, b) => a - b)).toEqual(bytesOf(wanted, size));
        expect(ranges.reduce((sum, { start, end }) => sum + end - start, 0)).toBeLessThanOrEqual(
          size,
        );
      }),
    );
  });

  it("stay in the order in which they were asked for, where none touch", () => {
    const apart = fc.uniqueArray(fc.nat(100), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(apart, (places) => {
        const asked = places.map((place) => ({ start: place * 3, size: 2 }));
        const expected = asked.map(({ start, size }) => ({ start, end: start + size }));
        expect(decodeRanges(fieldOf(asked), 1000)).toEqual(expected);
      }),
    );
  });

  it("cost one pass, however they are broken", () => {
    const field = `bytes=${"0-1 \t".repeat(12_000)}`;
    expect(decodeRanges(field, 10)).toBe("whole");
    expect(decodeRanges(`bytes=${" ".repeat(60_000)}`, 10)).toBe("whole");
  });
});
