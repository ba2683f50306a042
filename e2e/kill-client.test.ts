// A few cycles of what `npm run soak` does thirty times: kill -9 on the command line (faults C01, C02).
import { expect, it } from "vitest";
import { crashClient } from "./kit/crash-client.ts";
import { withScratch } from "./kit/scratch.ts";

it("goes on with the same upload when the killed command runs again", { timeout: 40_000 }, () =>
  withScratch(async (directory) => {
    const report = await crashClient(directory, 3, 40_519);
    expect(report.violations).toEqual([]);
    expect(report).toMatchObject({ cycles: 3, wrongFiles: 0 });
    expect(report.killsMidTransfer).toBeGreaterThan(0);
  }),
);
