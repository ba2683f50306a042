// One upload by several protocols in turn: begun, cut and finished by each of them in every order, and by chance; over memory of both kinds.
import type { Storage } from "@holdfast/engine";
import { MIB } from "@holdfast/protocol";
import { allMixes, describeMix, type MixWorld, randomMix, runMix } from "@holdfast/testkit/mix/mix";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import { createMemoryParts } from "@holdfast/testkit/storage/parts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { declines, startTestServer, type TestServer } from "./server.fixture.ts";

const PART = MIB;
const bytes = createRandom("mixed").bytes(3 * PART);
const MIXES = [...allMixes(PART)];
const SEED = process.env["HOLDFAST_TEST_SEED"] ?? String(Date.now() % 2 ** 31);

type Stored = Pick<MixWorld, "store"> & { readonly storage: Storage };

const STORAGES: readonly (readonly [string, () => Stored])[] = [
  ["regions", () => ({ storage: createMemoryStorage() })],
  [
    "parts",
    () => {
      const storage = createMemoryParts();
      const bring = storage.bring;
      return {
        storage,
        store: ({ path, headers = {}, body = new Uint8Array() }) =>
          bring({ index: 0, url: path, method: "PUT", headers }, body),
      };
    },
  ],
];

describe.each(STORAGES)("into %s", (_, createStore) => {
  let server: TestServer;
  let world: MixWorld;
  beforeAll(async () => {
    const { storage, ...store } = createStore();
    server = await startTestServer({ parts: { storage } });
    const takesAll = !declines("fetch", "a stream that breaks forgets what nobody has read of it");
    world = { ...store, base: `http://127.0.0.1:${server.port}`, bytes, takesAll };
  });
  afterAll(() => server.close());

  it("has an order for every three protocols", () => {
    expect(new Set(MIXES.map(describeMix)).size).toBe(5 * 4 * 3);
  });

  it("makes the same file of it in every order", async () => {
    for (const mix of MIXES) await runMix(world, mix);
  }, 120_000);

  it(`makes the same file of it by chance, with the seed ${SEED}`, async () => {
    const random = createRandom(SEED);
    for (let turn = 0; turn < 60; turn++) await runMix(world, randomMix(random, PART));
  }, 120_000);
});
