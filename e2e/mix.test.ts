// One upload by several protocols in turn, into a real server on a real disk: in every order, and by chance.
import { MIB } from "@holdfast/protocol";
import { allMixes, randomMix, runMix } from "@holdfast/testkit/mix/mix";
import { createRandom } from "@holdfast/testkit/random";
import { expect, it } from "vitest";
import { serveForTests } from "./kit/served.ts";

const PART = MIB;
const bytes = createRandom("mixed").bytes(3 * PART);
const SEED = process.env["HOLDFAST_TEST_SEED"] ?? String(Date.now() % 2 ** 31);
const served = serveForTests();

/** Most of it is silence that servers wait out; on a busy machine it takes several times as long. */
const LONG = { timeout: 600_000 };

it("is the same file in every order of protocols", LONG, async () => {
  let mixes = 0;
  for (const mix of allMixes(PART)) {
    await runMix({ base: served.url(), bytes, takesAll: true }, mix);
    mixes++;
  }
  expect(mixes).toBe(5 * 4 * 3);
});

it(`is the same file by chance, with the seed ${SEED}`, LONG, async () => {
  const random = createRandom(SEED);
  const world = { base: served.url(), bytes, takesAll: true };
  for (let turn = 0; turn < 40; turn++) await runMix(world, randomMix(random, PART));
});
