// Promises 1 to 3 where the disk fails: random work from a seed, with no room, I/O errors, short writes, failed flushes and crashes among it.
import { faultyAppends } from "@holdfast/testkit/sim/faults-appends";
import { faultyFiles } from "@holdfast/testkit/sim/faults-files";
import { describe, expect, it } from "vitest";

const SEEDS = 60;

describe("a disk that fails now and then", () => {
  it.each([
    ["appends", faultyAppends],
    ["files", faultyFiles],
  ] as const)("breaks no promise, whatever the seed (%s)", async (what, play) => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const again = `again: npm run faults -- ${what} ${seed} 1 say`;
      expect(await play(seed), again).toEqual([]);
    }
  });
});
