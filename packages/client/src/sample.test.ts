import { addPart, createPartSet, hasPart } from "@holdfast/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { systemRandom } from "./node/platform.ts";
import { sampleParts } from "./sample.ts";

describe("the sample", () => {
  it("has the first and the last committed part and up to three others, all committed", () => {
    const sets = fc
      .record({ count: fc.integer({ min: 1, max: 300 }), indexes: fc.array(fc.nat({ max: 299 })) })
      .map(({ count, indexes }) => ({ count, indexes: indexes.filter((index) => index < count) }));
    fc.assert(
      fc.property(sets, ({ count, indexes }) => {
        const set = createPartSet(count);
        for (const index of indexes) addPart(set, index);
        const sample = sampleParts(set, systemRandom);
        const size = new Set(indexes).size;
        expect(sample.length).toBeGreaterThanOrEqual(Math.min(2, size));
        expect(sample.length).toBeLessThanOrEqual(Math.min(5, size));
        expect(sample.every((index) => hasPart(set, index))).toBe(true);
        if (size > 0) expect(sample[0]).toBe(Math.min(...indexes));
        if (size > 0) expect(sample.at(-1)).toBe(Math.max(...indexes));
      }),
    );
  });
});
