// A few cycles of what `npm run soak` does more often: kill -9 on the command line while its parts go straight to the store (fault C02).
import { startS3Double } from "@holdfast/testkit/s3-double/server";
import { expect, it } from "vitest";
import { inDouble } from "../kit/bucket.ts";
import { crashDirect } from "../kit/crash-direct.ts";
import { withScratch } from "../kit/scratch.ts";

it("goes on with the same upload, and sends again what was in flight at most", () =>
  withScratch(async (directory) => {
    const double = await startS3Double();
    const report = await crashDirect(directory, 4, 71_113, inDouble(double));
    expect(report.violations).toEqual([]);
    expect(report).toMatchObject({ kills: 4, wrongFiles: 0 });
    // Four at once are in flight when the client is killed.
    const parts = Math.ceil(report.size / (8 * 1024 * 1024)) + report.files;
    expect(double.counts.get("part")).toBeLessThanOrEqual(parts + 4 * report.kills);
    await double.close();
  }));
