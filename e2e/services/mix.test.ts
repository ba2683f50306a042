// One upload by several protocols in turn, into stores: every third order of them, and by chance.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { allMixes, randomMix, runMix } from "@holdfast/testkit/mix/mix";
import { killAll, type ServerProcess, startServer } from "@holdfast/testkit/process";
import { createRandom } from "@holdfast/testkit/random";
import { startS3Double } from "@holdfast/testkit/s3-double/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inDouble, type Store, startStore } from "../kit/bucket.ts";
import { bytesOf } from "../kit/source.ts";

const PART = 8 * MIB;
const bytes = bytesOf({ seed: 4711, size: 3 * PART }, 0, 3 * PART);
const SEED = process.env["HOLDFAST_TEST_SEED"] ?? String(Date.now() % 2 ** 31);

const STORES: readonly (readonly [name: string, third: number, start: () => Promise<Store>])[] = [
  ["SeaweedFS", 0, startStore],
  ["the double", 1, async () => inDouble(await startS3Double())],
];

describe.each(STORES)("on %s", (_name, third, start) => {
  let directory: string;
  let store: Store;
  let server: ServerProcess;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "holdfast-e2e-"));
    store = await start();
    server = await startServer({
      data: join(directory, "data"),
      port: 0,
      env: store.env("mixed"),
    });
  });
  afterAll(async () => {
    killAll();
    await server.exit;
    await store.stop();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });

  it("is the same file in every order of protocols", { timeout: 300_000 }, async () => {
    const mixes = [...allMixes(PART)].filter((_, turn) => turn % 3 === third);
    for (const mix of mixes) await runMix({ base: server.url, bytes, takesAll: true }, mix);
    expect(mixes).toHaveLength(20);
  });

  it(`is the same file by chance, with the seed ${SEED}`, { timeout: 300_000 }, async () => {
    const random = createRandom(SEED);
    const world = { base: server.url, bytes, takesAll: true };
    for (let turn = 0; turn < 8; turn++) await runMix(world, randomMix(random, PART));
    // Nothing of what was begun, cut and removed is left in the store.
    const left = await store.look("mixed");
    expect(left.objects.filter((key) => key !== "holdfast.json")).toEqual([]);
    expect([left.unfinished, left.parts]).toEqual([0, 0]);
  });
});
