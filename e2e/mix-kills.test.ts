// One upload by several protocols in turn, with kill -9 of the server between any two of them: what each was told stands.
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { randomMix, runMix } from "@holdfast/testkit/mix/mix";
import { killServer, startServer } from "@holdfast/testkit/process";
import { createRandom } from "@holdfast/testkit/random";
import { it } from "vitest";
import { withScratch } from "./kit/scratch.ts";

const PART = MIB;
const bytes = createRandom("mixed").bytes(3 * PART);
const SEED = process.env["HOLDFAST_TEST_SEED"] ?? String(Date.now() % 2 ** 31);

it(`survives kill -9 between them, with the seed ${SEED}`, () =>
  withScratch(async (directory) => {
    const place = { data: join(directory, "data"), port: await freePort() };
    let server = await startServer(place);
    let kills = 0;
    const random = createRandom(`${SEED} kills`);
    const between = async () => {
      kills++;
      await killServer(server);
      server = await startServer(place);
    };
    for (let turn = 0; turn < 4 || kills < 4; turn++) {
      const world = { base: server.url, bytes, takesAll: true, between };
      await runMix(world, { ...randomMix(random, PART), by: "tus" });
    }
  }));
