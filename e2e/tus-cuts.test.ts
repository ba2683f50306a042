// A tus upload on a line that breaks (faults N01, N02, S01): it completes, equals its source, and no offset ever goes back. In full: `npm run soak -- --only tus`.
import { MIB } from "@holdfast/protocol";
import { expect, it } from "vitest";
import { withScratch } from "./kit/scratch.ts";
import { CLIENTS } from "./kit/tus-client.ts";
import { cutTusUpload } from "./kit/tus-cuts.ts";

it.concurrent.each(CLIENTS)("%s survives resets, silences and deaths of the server", (client) =>
  withScratch(async (directory) => {
    const wants = { client, cuts: 12, size: 24 * MIB + 777, seed: 20_262, freezeMs: 300 };
    const report = await cutTusUpload(directory, wants);
    expect(report.violations).toEqual([]);
    // A line that was hardly ever cut would prove nothing.
    expect(report.resets).toBeGreaterThan(1);
    expect(report.kills).toBeGreaterThan(0);
    expect(report.freezes).toBeGreaterThan(0);
    // Each cut costs what was on its way, never what was told.
    expect(report.carried).toBeLessThan(2 * report.size);
  }),
);
