// The main job with bytes on the disk and records in PostgreSQL, through kill -9 of PostgreSQL twice and of the server once.
import { join } from "node:path";
import { countParts, hasPart, MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { killServer, startServer, stopServer, textOf } from "@holdfast/testkit/process";
import { type Postgres, startPostgres } from "@holdfast/testkit/services/postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { withScratch } from "../kit/scratch.ts";
import { firstDifference, writeContent } from "../kit/source.ts";
import { completion, startDownload, startUpload, uploaded } from "../kit/upload.ts";
import { statusOf } from "../kit/wire.ts";

/** 1 GiB where there is time for it; an odd end, so that the last part is short. */
const SIZE = Number(process.env["HOLDFAST_TEST_MIB"] ?? 160) * MIB + 4097;
/** Slow enough that every kill comes in the middle. */
const RATE = `${Math.ceil(SIZE / MIB / 8)}M`;

let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

it("comes through whole, and nothing acknowledged is lost", { timeout: 170_000 }, () =>
  withScratch(async (directory) => {
    const content = { seed: 12, size: SIZE };
    const source = join(directory, "source");
    const copy = join(directory, "copy");
    const state = join(directory, "state");
    await writeContent(source, content);
    const env = { HOLDFAST_METADATA: postgres.url };
    const place = { data: join(directory, "data"), port: await freePort(), env };
    let server = await startServer(place);
    const command = startUpload(source, server.url, state, ["--limit-rate", RATE]);
    const id = textOf(await command.event("created"), "id");

    const committed = async () => (await statusOf(server.url, id)).committed;
    async function until(share: number): Promise<Awaited<ReturnType<typeof committed>>> {
      for (;;) {
        const parts = await committed();
        if (countParts(parts) >= parts.partCount * share) return parts;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    /** What was acknowledged before a kill is there after it. */
    async function expectKept(before: Awaited<ReturnType<typeof committed>>): Promise<void> {
      const after = await committed();
      for (let index = 0; index < before.partCount; index++) {
        if (hasPart(before, index)) expect(hasPart(after, index), `part ${index}`).toBe(true);
      }
    }
    async function killPostgres(share: number): Promise<void> {
      const before = await until(share);
      await postgres.kill();
      await postgres.start();
      await expectKept(before);
    }

    await killPostgres(0.2);
    const before = await until(0.45);
    await killServer(server);
    server = await startServer(place);
    await expectKept(before);
    await killPostgres(0.7);
    const done = await uploaded(command);
    expect(done).toMatchObject({ size: SIZE, bytesCommitted: SIZE });
    await completion(startDownload(done.url, copy, state));
    expect(await firstDifference(copy, content)).toBeUndefined();
    expect(await stopServer(server)).toEqual({ code: 0, signal: null });
  }),
);
