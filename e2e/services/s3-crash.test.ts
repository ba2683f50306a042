// kill -9 on a server whose bytes are in a real store, in the middle of parts through it, of parts beside it and of completions: nothing acknowledged is lost, nothing is published twice.
import { type Postgres, startPostgres } from "@holdfast/testkit/services/postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Store, startStore } from "../kit/bucket.ts";
import { type CrashReport, crashServer, inStore } from "../kit/crash-server.ts";
import { withScratch } from "../kit/scratch.ts";

const CYCLES = Number(process.env["HOLDFAST_TEST_CYCLES"] ?? 5);

let store: Store;
let postgres: Postgres;
beforeAll(async () => {
  store = await startStore();
  postgres = await startPostgres();
});
afterAll(async () => {
  await postgres.stop();
  await store.stop();
});

function expectKept(report: CrashReport): void {
  expect(report.violations).toEqual([]);
  expect(report).toMatchObject({ cycles: CYCLES, lostParts: 0, wrongFiles: 0, strayFiles: 0 });
  // Cycles in which nothing happened would prove nothing.
  expect(report.acknowledgedParts).toBeGreaterThan(CYCLES);
  expect(report.directParts).toBeGreaterThan(0);
  expect(report.publishedFiles).toBeGreaterThan(0);
}

const LONG = { timeout: 60_000 + 60_000 * CYCLES };

it("with records on the disk", LONG, () =>
  withScratch(async (directory) => {
    expectKept(await crashServer(directory, CYCLES, 20_262, inStore(store.env("disk"))));
  }),
);

it("with records in PostgreSQL", LONG, () =>
  withScratch(async (directory) => {
    const records = { HOLDFAST_METADATA: `${postgres.url}?schema=crash` };
    const place = inStore({ ...store.env("postgres"), ...records });
    expectKept(await crashServer(directory, CYCLES, 20_263, place));
  }),
);
