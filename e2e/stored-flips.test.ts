// Bits that flip in stored bytes, a few of them; `npm run soak -- --only flips` does a thousand.
import { expect, it } from "vitest";
import { flipStored } from "./kit/flip-stored.ts";
import { withScratch } from "./kit/scratch.ts";

it("are all refused to a verifying client, by name, and mended by the same file", async () => {
  await withScratch(async (directory) => {
    const report = await flipStored(directory, { flips: 20, seed: 7 });
    expect(report.violations).toEqual([]);
    expect(report).toMatchObject({ flips: 20, refused: 20, named: 20, rightAgain: 1, healed: 1 });
  });
}, 120_000);
