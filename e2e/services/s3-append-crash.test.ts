// kill -9 on a server that appends into a real store and stores whole files there: it resumes at an offset that never goes down.
import { MIB } from "@holdfast/protocol";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Store, startStore } from "../kit/bucket.ts";
import { crashAppends } from "../kit/crash-append.ts";
import { withScratch } from "../kit/scratch.ts";

const KILLS = Number(process.env["HOLDFAST_TEST_CYCLES"] ?? 5);

let store: Store;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());

it(
  "loses no byte before an offset that was told, and no stored file",
  {
    timeout: 60_000 + 30_000 * KILLS,
  },
  () =>
    withScratch(async (directory) => {
      const env = store.env("appends");
      const lifeMs = [300, 2000] as const;
      const size = KILLS * 24 * MIB + 12_345;
      const options = { kills: KILLS, seed: 20_264, lifeMs, size, env };
      const report = await crashAppends(directory, options);
      expect(report.violations).toEqual([]);
      expect(report.kills).toBeGreaterThan(1);
      expect(report.resumed).toBeGreaterThan(0);
      expect(report.storedFiles).toBeGreaterThan(3);
    }),
);
