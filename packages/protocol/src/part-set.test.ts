// Part sets against plain lists, and their two forms on the wire.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadVectors } from "../scripts/vectors/load.ts";
import { refusalOf } from "../scripts/vectors/refusal.ts";
import { COMMITTED_RANGES_MAX, decodeCommitted, encodeCommitted } from "./committed.ts";
import { encodeHex } from "./hex.ts";
import {
  addPart,
  contiguousParts,
  countParts,
  createPartSet,
  hasPart,
  missingRanges,
  type PartSet,
  partRanges,
  removePart,
} from "./part-set.ts";

interface Good {
  readonly partCount: number;
  readonly parts?: readonly number[];
  readonly step?: number;
  readonly bitmap?: string;
  readonly committed: object;
  readonly contiguous: number;
}

const vectors = loadVectors<{
  good: Good[];
  bad: { partCount: number; committed: string; why: string }[];
}>("part-sets.json");

function setOf(partCount: number, indexes: Iterable<number>): PartSet {
  const set = createPartSet(partCount);
  for (const index of indexes) addPart(set, index);
  return set;
}

function indexesOf({ partCount, parts, step = 1 }: Good): readonly number[] {
  return parts ?? Array.from({ length: Math.ceil(partCount / step) }, (_, at) => at * step);
}

const models = fc
  .integer({ min: 0, max: 200 })
  .chain((count) =>
    fc.tuple(fc.constant(count), fc.array(fc.boolean(), { minLength: count, maxLength: count })),
  );

function indexesIn(flags: readonly boolean[]): number[] {
  return flags.flatMap((isIn, index) => (isIn ? [index] : []));
}

describe("part set", () => {
  it("agrees with a plain list of flags", () => {
    fc.assert(
      fc.property(models, ([count, flags]) => {
        const set = setOf(count, indexesIn(flags));
        const present = flags.filter(Boolean).length;
        const firstMissing = flags.indexOf(false);
        expect(flags.map((_, index) => hasPart(set, index))).toEqual(flags);
        expect(countParts(set)).toBe(present);
        expect(contiguousParts(set)).toBe(firstMissing === -1 ? count : firstMissing);
        const covered = (ranges: Iterable<readonly [number, number]>) =>
          [...ranges].flatMap(([start, end]) =>
            Array.from({ length: end - start }, (_, at) => start + at),
          );
        expect(covered(partRanges(set))).toEqual(indexesIn(flags));
        expect(covered(missingRanges(set))).toEqual(indexesIn(flags.map((isIn) => !isIn)));
        for (const index of indexesIn(flags)) removePart(set, index);
        expect(countParts(set)).toBe(0);
      }),
    );
  });

  it("copies the bits it is given, and drops those beyond its grid", () => {
    const bits = Uint8Array.of(0xff, 0xff, 0xff);
    const set = createPartSet(10, bits);
    expect(countParts(set)).toBe(10);
    removePart(set, 0);
    expect(bits[0]).toBe(0xff);
    expect(countParts(createPartSet(16, bits))).toBe(16);
    expect(countParts(createPartSet(10, Uint8Array.of(1)))).toBe(1);
    expect(hasPart(set, 1000)).toBe(false);
  });
});

describe("committed parts on the wire", () => {
  it.each(vectors.good)("$partCount parts, $contiguous contiguous", (good) => {
    const set = setOf(good.partCount, indexesOf(good));
    expect(encodeCommitted(set)).toEqual(good.committed);
    expect(decodeCommitted(good.committed, good.partCount)).toEqual(set);
    expect(contiguousParts(set)).toBe(good.contiguous);
    if (good.bitmap !== undefined) expect(encodeHex(set.bits)).toBe(good.bitmap);
  });

  it("is ranges up to 1,000 of them and a bitmap above", () => {
    const ranges = (count: number) =>
      encodeCommitted(
        setOf(
          2 * count,
          Array.from({ length: count }, (_, at) => 2 * at),
        ),
      );
    expect(ranges(COMMITTED_RANGES_MAX)).toHaveProperty("ranges");
    expect(ranges(COMMITTED_RANGES_MAX)).not.toHaveProperty("bitmap");
    expect(ranges(COMMITTED_RANGES_MAX + 1)).toHaveProperty("bitmap");
    expect(ranges(COMMITTED_RANGES_MAX + 1)).not.toHaveProperty("ranges");
  });

  it.each(vectors.bad)("refuses $committed: $why", ({ partCount, committed }) => {
    const refusal = refusalOf(() => decodeCommitted(JSON.parse(committed), partCount));
    expect(refusal?.code).toBe("invalid_request");
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53, 2 ** 40])("asks for no memory for %d parts", (count) => {
    const refusal = refusalOf(() => decodeCommitted({ count: 0, ranges: [] }, count));
    expect(refusal).toEqual({ code: "invalid_request", field: "partCount" });
  });

  it("comes back as it was", () => {
    fc.assert(
      fc.property(models, ([count, flags]) => {
        const set = setOf(count, indexesIn(flags));
        expect(decodeCommitted(JSON.parse(JSON.stringify(encodeCommitted(set))), count)).toEqual(
          set,
        );
      }),
    );
  });
});
