// What works on one pair of a storage and a metadata store works on all: the main job through kills, and a few cycles of what `npm run soak` does a hundred times (faults S01, S02, S03, N01, N03, C01, C02).
import { fileURLToPath } from "node:url";
import { startProgram } from "@holdfast/testkit/process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { crashAppends } from "../kit/crash-append.ts";
import { crashClient } from "../kit/crash-client.ts";
import { crashFinals } from "../kit/crash-final.ts";
import { crashServer } from "../kit/crash-server.ts";
import { type Ground, nameOf, openGround, PAIRS } from "../kit/pairs.ts";
import { withScratch } from "../kit/scratch.ts";

const KILLS = Number(process.env["HOLDFAST_TEST_CYCLES"] ?? 5);
const LONG = { timeout: 120_000 + 60_000 * KILLS };
const DEMO = fileURLToPath(new URL("../../scripts/demo.ts", import.meta.url));

describe.each(PAIRS.map((pair) => [nameOf(pair), pair] as const))("%s", (_name, pair) => {
  const isInStore = pair.storage === "s3";
  let ground: Ground;
  beforeAll(async () => {
    ground = await openGround(pair);
  });
  afterAll(() => ground.close());

  it("loses no acknowledged part and publishes no wrong byte over kills of the server", LONG, () =>
    withScratch(async (directory) => {
      const report = await crashServer(directory, { cycles: KILLS, seed: 20_262, ground });
      expect(report.violations).toEqual([]);
      expect(report).toMatchObject({ cycles: KILLS, lostParts: 0, wrongFiles: 0, strayFiles: 0 });
      // Cycles in which nothing happened would prove nothing.
      expect(report.acknowledgedParts).toBeGreaterThan(KILLS);
      expect(report.directParts > 0).toBe(isInStore);
      expect(report.publishedFiles).toBeGreaterThan(0);
    }),
  );

  it("keeps every offset it told and every stored file over kills under appends", LONG, () =>
    withScratch(async (directory) => {
      const report = await crashAppends(directory, { kills: KILLS, seed: 20_264, ground });
      expect(report.violations).toEqual([]);
      // Kills that came too late, or before the first commit, would prove nothing.
      expect(report.kills).toBeGreaterThan(1);
      expect(report.resumed).toBeGreaterThan(0);
      expect(report.storedFiles).toBeGreaterThan(3);
    }),
  );

  it("puts finals of tus together over kills, each once, and leaves nothing but that", LONG, () =>
    withScratch(async (directory) => {
      const report = await crashFinals(directory, { kills: KILLS, seed: 20_265, ground });
      expect(report.violations).toEqual([]);
      expect(report.kills).toBe(KILLS);
      expect(report.midway).toBeGreaterThan(0);
      expect(report.files).toBeGreaterThan(1);
    }),
  );

  it("goes on with the same upload when the killed command runs again", LONG, () =>
    withScratch(async (directory) => {
      const report = await crashClient(directory, { kills: KILLS, seed: 40_519, ground });
      expect(report.violations).toEqual([]);
      expect(report).toMatchObject({ kills: KILLS, wrongFiles: 0 });
      expect(report.killsMidTransfer).toBeGreaterThan(0);
      expect(report.directFiles > 0).toBe(isInStore);
    }),
  );

  it("brings a file back whole through kills of server and client: the demo", LONG, async () => {
    const where = ["--storage", pair.storage, "--metadata", pair.metadata];
    const demo = startProgram([process.execPath, DEMO, "64M", ...where]);
    const { code } = await demo.exit;
    const said = demo.strayLines.join("\n");
    expect(code, said + demo.stderr()).toBe(0);
    expect(said).toMatch(/bytes lost +0 B/);
  });
});
