// Three servers as one, scaled down: one of them is killed every 2 s and PostgreSQL once, while uploads go through all of them. `npm run soak -- --only cluster` is the long one.
import { MIB } from "@holdfast/protocol";
import { expect, it } from "vitest";
import { killCluster } from "../kit/kill-cluster.ts";
import { withScratch } from "../kit/scratch.ts";

it(
  "three servers, killed in turn, lose nothing, publish each file once and leave no parts",
  {
    timeout: 400_000,
  },
  () =>
    withScratch(async (directory) => {
      const uploads = 6;
      const report = await killCluster(directory, {
        ...{ uploads, size: 20 * MIB, rate: "1M" },
        ...{ killMs: 16_000, everyMs: 2000, postgresKills: 1 },
      });
      expect(report).toMatchObject({ failures: [], complete: uploads, right: uploads });
      expect(report).toMatchObject({ published: uploads, partsLeft: 0 });
      expect(report.kills).toBeGreaterThan(1);
    }),
);
