// Several servers over one set of records and one store: one of them stops at every step, for good or for a while.
import { simulateMany } from "@holdfast/testkit/sim/many";
import { expect, it } from "vitest";

it("several servers lose nothing acknowledged, publish once and leave nothing behind, wherever one of them stops", {
  timeout: 300_000,
}, async () => {
  const report = await simulateMany();
  expect(report.violations).toEqual([]);
  expect(report.steps).toBeGreaterThan(150);
  expect(report.runs).toBe(3 * report.steps + 1);
});
