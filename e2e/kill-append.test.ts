// kill -9 on the server while bytes are appended and whole files stored (faults S01, S03, N01 in the sequential mode).
import { MIB } from "@holdfast/protocol";
import { startS3Double } from "@holdfast/testkit/s3-double/server";
import { expect, it } from "vitest";
import { inDouble } from "./kit/bucket.ts";
import { crashAppends } from "./kit/crash-append.ts";
import { withScratch } from "./kit/scratch.ts";

it(
  "resumes at an offset that never goes down, and keeps every stored file",
  { timeout: 120_000 },
  () =>
    withScratch(async (directory) => {
      const report = await crashAppends(directory, { kills: 5, seed: 20_261 });
      expect(report.violations).toEqual([]);
      // Kills that came too late, or before the first commit, would prove nothing.
      expect(report.kills).toBeGreaterThan(1);
      expect(report.resumed).toBeGreaterThan(1);
      expect(report.storedFiles).toBeGreaterThan(5);
    }),
);

it(
  "does so with its bytes in a bucket, and leaves no tail there of what is a file",
  {
    timeout: 180_000,
  },
  () =>
    withScratch(async (directory) => {
      const store = await startS3Double();
      try {
        const env = inDouble(store).env("ours");
        const lifeMs = [300, 1500] as const;
        const options = { kills: 5, seed: 20_262, lifeMs, size: 72 * MIB, env };
        const report = await crashAppends(directory, options);
        expect(report.violations).toEqual([]);
        expect(report.kills).toBeGreaterThan(1);
        expect(report.resumed).toBeGreaterThan(0);
        expect(report.storedFiles).toBeGreaterThan(5);
        const files = [...store.bucket.objects.keys()].filter((key) => key.endsWith("/manifest"));
        const tails = [...store.bucket.objects.keys()].filter((key) => key.includes("/tail/"));
        const owners = new Set(files.map((key) => key.slice(0, -"manifest".length)));
        expect(tails.filter((key) => owners.has(key.slice(0, key.indexOf("tail/"))))).toEqual([]);
      } finally {
        await store.close();
      }
    }),
);
