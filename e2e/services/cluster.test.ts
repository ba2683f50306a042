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
      const wants = { parts: 4, appends: 2, size: 20 * MIB, rate: MIB };
      const kills = { killMs: 16_000, everyMs: 2000, postgresKills: 1 };
      const report = await killCluster(directory, { ...wants, ...kills });
      expect(report).toMatchObject({ failures: [], complete: 6, right: 6, published: 6 });
      expect(report).toMatchObject({ lostAcks: 0, twice: 0, partsLeft: 0, objectsLeft: [] });
      expect(report.acks).toBeGreaterThan(20);
      expect(report.kills).toBe(8);
    }),
);
