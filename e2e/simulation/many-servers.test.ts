// Several servers over one set of records and one store: one of them stops at every step, for good or for a while.
import { simulateMany } from "@holdfast/testkit/sim/many";
import { expect, it } from "vitest";

it.each([
  ["uploads", 1],
  ["finals", 2],
  ["live", 3],
] as const)(
  "several servers lose nothing acknowledged, publish once and leave nothing behind, wherever one of them stops (%s)",
  { timeout: 300_000 },
  async (work, stride) => {
    const report = await simulateMany({ work, stride });
    expect(report.violations).toEqual([]);
    expect(report.steps).toBeGreaterThan(150);
    expect(report.runs).toBe(3 * Math.ceil(report.steps / stride) + 1);
  },
);
