// A few cycles of what `npm run soak` does a hundred times: kill -9 on the server (faults S01, S02, S03, N03).
import { expect, it } from "vitest";
import { crashServer } from "./kit/crash-server.ts";
import { withScratch } from "./kit/scratch.ts";

it("loses no acknowledged part and publishes no wrong byte over kills", { timeout: 40_000 }, () =>
  withScratch(async (directory) => {
    const report = await crashServer(directory, 5, 20_261);
    expect(report.violations).toEqual([]);
    expect(report).toMatchObject({ cycles: 5, lostParts: 0, wrongFiles: 0 });
    // Cycles in which nothing happened would prove nothing.
    expect(report.acknowledgedParts).toBeGreaterThan(20);
    expect(report.publishedFiles).toBeGreaterThan(0);
  }),
);
