// A reset in the middle of an upload costs what was in flight on that connection, not more (faults N01, gate "re-sent after one cut").
import { MIB } from "@holdfast/protocol";
import { expect, it } from "vitest";
import { measureCut } from "./kit/cut-budget.ts";
import { withScratch } from "./kit/scratch.ts";

it("sends at most 32 MiB twice when one connection is cut", { timeout: 40_000 }, () =>
  withScratch(async (directory) => {
    const report = await measureCut(directory, 256 * MIB, 11);
    expect(report.cuts).toBe(1);
    expect(report.wrongByteAt).toBeUndefined();
    expect(report.extraAtProxy).toBeLessThanOrEqual(32 * MIB);
    expect(report.extraByClient).toBeLessThanOrEqual(32 * MIB);
  }),
);
