import { KIB } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { createMovement } from "./movement.ts";

/** What is told of pieces of so many KiB at such milliseconds. */
function told(...pieces: readonly (readonly [ms: number, kib: number])[]) {
  const movement = createMovement("out");
  return pieces.map(([at, kib]) => movement.note(kib * KIB, at));
}

describe("what moves of a run", () => {
  it("shows a pace while a far line takes more with each round trip", () => {
    // As seen over 100 ms: the kernel makes room as answers come in.
    const seen = told([107, 64], [108, 32], [207, 64], [309, 64], [310, 128]);
    expect(seen.slice(0, 3)).toEqual([undefined, undefined, undefined]);
    expect(seen[4]).toBeCloseTo((256 * KIB * 1000) / 202, -1);
  });

  it("says nothing of what buffers took at once", () => {
    expect(told([0, 64], [1, 128], [2, 256], [3, 576])).toEqual(Array(4).fill(undefined));
  });

  it("counts from the end of the first burst, so that a slow line behind a large buffer is slow", () => {
    const seen = told([0, 64], [1, 512], [1_000, 64], [2_000, 64], [3_000, 64]);
    expect(seen.filter((pace) => pace !== undefined)).toHaveLength(1);
    for (const pace of seen) expect(pace ?? 0).toBeLessThan(66 * KIB);
  });

  it("tells a pace again only when it has risen well", () => {
    const seen = told([0, 64], [100, 64], [200, 64], [300, 64], [310, 200]);
    expect(seen.map((pace) => pace !== undefined)).toEqual([false, false, true, false, true]);
  });

  it("needs no silence in what comes in: that has crossed the line", () => {
    const movement = createMovement("in");
    const seen = [0, 5, 60, 149, 150].map((at) => movement.note(10 * KIB, at));
    expect(seen).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      expect.closeTo((40 * KIB) / 0.15, -1),
    ]);
  });
});
