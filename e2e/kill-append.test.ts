// kill -9 on the server while bytes are appended and whole files stored (faults S01, S03, N01 in the sequential mode).
import { expect, it } from "vitest";
import { crashAppends } from "./kit/crash-append.ts";
import { withScratch } from "./kit/scratch.ts";

it(
  "resumes at an offset that never goes down, and keeps every stored file",
  { timeout: 120_000 },
  () =>
    withScratch(async (directory) => {
      const report = await crashAppends(directory, 5, 20_261);
      expect(report.violations).toEqual([]);
      // Kills that came too late, or before the first commit, would prove nothing.
      expect(report.kills).toBeGreaterThan(1);
      expect(report.resumed).toBeGreaterThan(1);
      expect(report.storedFiles).toBeGreaterThan(5);
    }),
);
