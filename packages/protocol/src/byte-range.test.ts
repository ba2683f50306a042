// Range and Content-Range: every vector, and what holds for any field.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadVectors } from "../scripts/vectors/load.ts";
import { decodeContentRange, decodeRange, encodeContentRange, encodeRange } from "./byte-range.ts";

const vectors = loadVectors<{
  range: { field: string; size: number; range: [number, number] | string }[];
  contentRange: {
    good: { field: string; range: [number, number]; size: number }[];
    bad: { field: string }[];
    unsatisfiable: { size: number; field: string }[];
  };
}>("byte-ranges.json");

describe("Range", () => {
  it.each(vectors.range)("$field of $size bytes", ({ field, size, range }) => {
    const expected = typeof range === "string" ? range : { start: range[0], end: range[1] };
    expect(decodeRange(field, size)).toEqual(expected);
  });

  it("asks for the whole where there is none", () => {
    expect(decodeRange(undefined, 10)).toBe("whole");
  });

  it("comes back as it was written", () => {
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.integer({ min: 1, max: 1000 }),
        fc.nat(1000),
        (start, size, more) => {
          const range = { start, end: start + size };
          expect(decodeRange(encodeRange(range), range.end + more)).toEqual(range);
        },
      ),
    );
  });

  it("never leaves the file, whatever the field says", () => {
    const field = fc.oneof(fc.string(), fc.stringMatching(/^bytes=[0-9]{0,18}-[0-9]{0,18}$/));
    fc.assert(
      fc.property(field, fc.nat(), (text, size) => {
        const range = decodeRange(text, size);
        if (typeof range === "string") return;
        expect(range.start).toBeGreaterThanOrEqual(0);
        expect(range.start).toBeLessThan(range.end);
        expect(range.end).toBeLessThanOrEqual(size);
      }),
    );
  });

  it("reads long rows of digits and blanks in one pass", () => {
    expect(decodeRange(`bytes=${"1".repeat(600_000)}-`, 10)).toBe("unsatisfiable");
    expect(decodeRange(`bytes=${" \t".repeat(300_000)}x`, 10)).toBe("whole");
    expect(decodeRange(`bytes=1-2${" \t".repeat(300_000)}x`, 10)).toBe("whole");
  });
});

describe("Content-Range", () => {
  it.each(vectors.contentRange.good)("$field", ({ field, range: [start, end], size }) => {
    expect(decodeContentRange(field)).toEqual({ start, end, size });
    expect(encodeContentRange({ start, end }, size)).toBe(field);
  });

  it.each(vectors.contentRange.bad)("does not believe $field", ({ field }) => {
    expect(decodeContentRange(field)).toBeUndefined();
  });

  it.each(vectors.contentRange.unsatisfiable)("$field names only the size", ({ size, field }) => {
    expect(encodeContentRange(undefined, size)).toBe(field);
  });

  it("takes any case of the unit, and nothing for no field", () => {
    expect(decodeContentRange("Bytes 0-0/1")).toEqual({ start: 0, end: 1, size: 1 });
    expect(decodeContentRange(undefined)).toBeUndefined();
  });
});
