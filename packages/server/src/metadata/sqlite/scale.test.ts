// The measurement of large records, on small ones: that it does what it says. How they compare is `npm run bench -- --only records`.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fillStore, SCALE_STEPS } from "@holdfast/testkit/metadata/scale";
import { expect, it } from "vitest";
import { openSqliteMetadata } from "./index.ts";

it("a round creates, commits and sweeps its own uploads, and leaves those that fill the store", async () => {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-scale-"));
  const store = await openSqliteMetadata({ path: join(directory, "records.sqlite") });
  const scaled = await fillStore(store, 300);
  const before = await store.counts();
  for (let round = 0; round < 2; round++) {
    const costs = await scaled.round();
    expect(Object.keys(costs).toSorted()).toEqual([...SCALE_STEPS].toSorted());
    for (const step of SCALE_STEPS) expect(costs[step]).toBeGreaterThan(0);
  }
  expect(before.open).toBe(300);
  expect(await store.counts()).toEqual(before);
  expect(await store.due("forgettable", { limit: 9 })).toEqual([]);
  for (const id of scaled.ids) expect((await store.parts(id)).bits[0]).toBe(1);
  await store.close();
  rmSync(directory, { recursive: true });
});
