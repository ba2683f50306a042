// Power loss and kill -9 at every step of making a manifest anew: it is what it was after that, or can be made anew again.
import { setImmediate as nextTurn } from "node:timers/promises";
import { type FileId, KIB } from "@holdfast/protocol";
import { createRandom } from "@holdfast/testkit/random";
import {
  BYTES_DIRECTORY,
  beginLife,
  type Life,
  type Moment,
  nothing,
  type Remains,
  remainsOf,
} from "@holdfast/testkit/sim/life";
import { alice, createRequest, putParts } from "@holdfast/testkit/world";
import { beforeAll, expect, it } from "vitest";

const PART = 256 * KIB;
const CONTENT = createRandom("manifest").bytes(2 * PART + 5000);
const PLACES: readonly Moment["when"][] = ["before", "during", "after"];
const IN_DIGESTS = 60;

/** A file whose manifest has a digest that is wrong. */
let start: Remains;
let id: FileId;
let text: Buffer;
beforeAll(async () => {
  const life = await beginLife(nothing, "start");
  const view = await life.engine.create(alice, createRequest(CONTENT.length));
  await putParts(life.engine, view, CONTENT, [0, 3]);
  const { file } = await life.engine.complete(alice, view.id, {});
  if (!file) throw new Error("no file");
  id = file.id;
  text = (await manifestOf(life)) ?? Buffer.alloc(0);
  const disk: Remains["disk"] = (options) => {
    const fs = life.disk.crash(0, options);
    fs.flipBit(`${BYTES_DIRECTORY}/${view.id}.manifest`, IN_DIGESTS);
    return fs;
  };
  start = { disk, records: life.metadata.snapshot() };
});

/** Undefined where it is refused. */
async function manifestOf({ engine }: Life): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  try {
    const manifest = await engine.manifest(await engine.file(alice, id));
    for await (const piece of manifest) pieces.push(Buffer.from(piece));
  } catch {
    return undefined;
  }
  return Buffer.concat(pieces);
}

/** What is read in the end by somebody who asks again and again. */
async function untilRead(life: Life): Promise<Buffer | undefined> {
  for (let tries = 0; tries < 20; tries++) {
    const found = await manifestOf(life);
    if (found) return found;
    for (let turns = 0; turns < 50; turns++) await nextTurn();
    life.clock.advance(10_000);
  }
  return undefined;
}

async function lifeUntil(moment: Moment | undefined): Promise<Life> {
  const life = await beginLife(start, "heal", moment);
  await Promise.race([untilRead(life), life.crashed]);
  return life;
}

it("is gone on with wherever the power went, or the process", async () => {
  const whole = await lifeUntil(undefined);
  expect((await manifestOf(whole))?.equals(text)).toBe(true);
  const steps = whole.steps();
  expect(steps).toBeGreaterThan(5);
  const wrong = new Set<string>();
  for (let step = 1; step <= steps; step++) {
    for (const when of PLACES) {
      const life = await lifeUntil({ step, when });
      for (let image = 0; image < 3; image++) {
        const how = image === 2 ? "kill" : "power";
        const after = await beginLife(remainsOf(life, image, how), "after");
        const found = await untilRead(after);
        if (!found?.equals(text)) wrong.add(`step ${step} ${when}, ${how}`);
      }
    }
  }
  expect([...wrong]).toEqual([]);
}, 120_000);
