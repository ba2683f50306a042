// Promises 1 to 3 on the simulated disk: a crash at every step, many legal images of each.
import { simulateCrashes } from "@holdfast/testkit/sim/crash";
import { simulateEnds } from "@holdfast/testkit/sim/crash-ends";
import { simulateFinals, simulatePartFinals } from "@holdfast/testkit/sim/crash-finals";
import { simulatePartCrashes } from "@holdfast/testkit/sim/crash-parts";
import { simulatePartAppends } from "@holdfast/testkit/sim/crash-parts-appends";
import type { CrashReport } from "@holdfast/testkit/sim/every-step";
import { describe, expect, it } from "vitest";

/** What is judged once must not be so because everything passes for the same. */
function expectSound({ violations, steps, different }: CrashReport): void {
  expect(violations).toEqual([]);
  expect(different).toBeGreaterThan(steps / 2);
}

describe("a crash at every step of appends, and of whole files", () => {
  it.each(["appends", "files"] as const)(
    "takes back no offset that was told, and shows no file that is not whole (%s)",
    { timeout: 300_000 },
    async (life) => {
      const report = await simulateCrashes({ life, images: 10, inRecovery: false });
      expectSound(report);
      expect(report.steps).toBeGreaterThan(40);
      expect(report.images).toBeGreaterThanOrEqual(10 * 3 * report.steps);
    },
  );

  it.each(["appends", "files"] as const)(
    "nor does a crash of the recovery (%s)",
    { timeout: 300_000 },
    async (life) => {
      const report = await simulateCrashes({ life, images: 1, inRecovery: true, stride: 3 });
      expectSound(report);
      expect(report.recoverySteps).toBeGreaterThan(5);
    },
  );
});

describe("a crash at every step of uploads that end with their last byte, and of finals", () => {
  it("has a file for whoever is told of the last byte, and all bytes of the partials in the final", {
    timeout: 300_000,
  }, async () => {
    const report = await simulateFinals({ images: 4, inRecovery: false });
    expectSound(report);
    expect(report.steps).toBeGreaterThan(60);
  });

  it("so it is where the recovery crashes", { timeout: 300_000 }, async () => {
    const report = await simulateFinals({ images: 1, inRecovery: true, stride: 3 });
    expectSound(report);
    expect(report.recoverySteps).toBeGreaterThan(5);
  });

  it("so it is over a store of parts, where the recovery crashes too", {
    timeout: 300_000,
  }, async () => {
    const report = await simulatePartFinals({ images: 2, inRecovery: true });
    expect(report.violations).toEqual([]);
    expect(report.steps).toBeGreaterThan(100);
    expect(report.recoverySteps).toBeGreaterThan(300);
  });
});

describe("a crash at every step of create, put-run, complete, abort and recovery", () => {
  it.each(["0", "1"])(
    "loses nothing that was acknowledged and publishes nothing wrong (seed %s)",
    {
      timeout: 300_000,
    },
    async (seed) => {
      const report = await simulateCrashes({ images: 20, inRecovery: seed === "0", seed });
      expectSound(report);
      expect(report.steps).toBeGreaterThan(40);
      expect(report.images).toBeGreaterThanOrEqual(20 * 3 * report.steps);
    },
  );
});

describe("a crash at every step over a store of parts", () => {
  it("loses nothing that was acknowledged, publishes nothing wrong, and leaves no part that nobody wants", {
    timeout: 300_000,
  }, async () => {
    const report = await simulatePartCrashes({ images: 2, inRecovery: true });
    expectSound(report);
    expect(report.steps).toBeGreaterThan(90);
    expect(report.recoverySteps).toBeGreaterThan(50);
  });
});

describe("a crash at every step of appends and whole files over a store of parts", () => {
  it("takes back no offset that was told, publishes nothing wrong, and leaves no tail that nobody wants", {
    timeout: 300_000,
  }, async () => {
    const report = await simulatePartAppends({ images: 2, inRecovery: true, stride: 3 });
    expectSound(report);
    expect(report.steps).toBeGreaterThan(200);
    expect(report.recoverySteps).toBeGreaterThan(5);
  });
});

describe("a crash at every step of a deletion, a sweep, and their recovery", () => {
  it.each(["0", "1"])(
    "loses nothing that was acknowledged, brings nothing back and leaves nothing behind (seed %s)",
    { timeout: 300_000 },
    async (seed) => {
      const report = await simulateEnds({ images: 20, inRecovery: seed === "0", seed });
      expectSound(report);
      expect(report.steps).toBeGreaterThan(30);
      expect(report.images).toBeGreaterThanOrEqual(20 * 3 * report.steps);
    },
  );
});
