// Downloads under kill -9 of either side (faults C01, S01), and copies with flipped bits. In full: `npm run soak -- --only downloads`.
import { MIB } from "@holdfast/protocol";
import { expect, it } from "vitest";
import { crashDownloads } from "./kit/crash-download.ts";
import { flipCopies } from "./kit/flip-copies.ts";
import { withScratch } from "./kit/scratch.ts";

it("a download goes on after every kill, and fetches no part twice that is there", () =>
  withScratch(async (directory) => {
    const wants = { kills: 10, size: 48 * MIB, rate: "32M", seed: Date.now() % 2 ** 31 };
    const report = await crashDownloads(directory, wants);
    expect(report.violations, JSON.stringify(report)).toEqual([]);
    expect(report.clientKills + report.serverKills).toBe(wants.kills);
    // There was something to be fetched twice.
    expect(report.partsKept).toBeGreaterThan(0);
  }));

it("every flipped bit of a copy is found, and only the parts with one are fetched", () =>
  withScratch(async (directory) => {
    const wants = { rounds: 2, flips: 20, size: 48 * MIB, seed: Date.now() % 2 ** 31 };
    const report = await flipCopies(directory, wants);
    expect(report.violations, JSON.stringify(report)).toEqual([]);
    expect(report).toMatchObject({ flips: 40, found: report.parts });
  }));
