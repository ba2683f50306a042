// Promises 1 to 3 on the simulated disk: a crash at every step, many legal images of each.
import { simulateCrashes } from "@holdfast/testkit/sim/crash";
import { describe, expect, it } from "vitest";

describe("a crash at every step of create, put-run, complete, abort and recovery", () => {
  it.each(["0", "1"])(
    "loses nothing that was acknowledged and publishes nothing wrong (seed %s)",
    {
      timeout: 300_000,
    },
    async (seed) => {
      const report = await simulateCrashes({ images: 20, inRecovery: seed === "0", seed });
      expect(report.violations).toEqual([]);
      expect(report.steps).toBeGreaterThan(40);
      expect(report.images).toBeGreaterThanOrEqual(20 * 3 * report.steps);
    },
  );
});
