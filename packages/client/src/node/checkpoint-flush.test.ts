// When checkpoints are flushed, told by the calls that flush.
import type * as Fs from "node:fs";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { createCheckpointStore } from "./checkpoint.ts";

const { flushed, held } = vi.hoisted(() => ({
  flushed: [] as number[],
  held: Promise.withResolvers<void>(),
}));

vi.mock("node:fs", async (original) => {
  const fs = await original<typeof Fs>();
  return {
    ...fs,
    // The first flush takes until the test lets it end.
    fdatasync: (_log: number, done: (error: null) => void) =>
      void held.promise.then(() => done(null)),
    fdatasyncSync: (log: number) => {
      flushed.push(log);
      fs.fdatasyncSync(log);
    },
  };
});

it("flushes what was committed before it lets go of the file that it is in", async () => {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-flush-"));
  const store = createCheckpointStore({ directory, now: () => 1 });
  const first = store.save("a", "1");
  await new Promise((resolve) => setImmediate(resolve));
  const second = store.save("b", "2");
  // Whoever reads has it committed, while the flush before it still runs.
  expect(await store.load("b")).toBe("2");
  expect(flushed).toEqual([]);
  rmSync(join(directory, "checkpoints.sqlite"));
  expect(await store.load("b")).toBeUndefined();
  expect(flushed).toHaveLength(1);
  await second;
  held.resolve();
  await first;
  store.close();
  rmSync(directory, { recursive: true });
});
