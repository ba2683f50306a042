// Power loss and kill -9 at every step of healing a file: bytes that are bad never stand there without their note, and what was begun is gone on with.
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
/** Its end is no multiple of a block. */
const CONTENT = createRandom("heal").bytes(2 * PART + 5000);
const BAD = [0, 2];
const PLACES: readonly Moment["when"][] = ["before", "during", "after"];

/** Two files of the same bytes, one of them damaged and noted. */
let start: Remains;
let damaged: FileId;
let path: string;
beforeAll(async () => {
  const life = await beginLife(nothing, "start");
  damaged = await bring(life);
  await bring(life);
  const { uploadId } = await life.engine.file(alice, damaged);
  path = `${BYTES_DIRECTORY}/${uploadId}.bytes`;
  const note = { kind: "damaged", indexes: BAD } as const;
  await life.metadata.apply({ kind: "note", id: damaged, note });
  const disk: Remains["disk"] = (options) => {
    const fs = life.disk.crash(0, options);
    for (const index of BAD) fs.flipBit(path, index * PART + 4999);
    return fs;
  };
  start = { disk, records: life.metadata.snapshot() };
});

async function bring({ engine }: Life): Promise<FileId> {
  const view = await engine.create(alice, createRequest(CONTENT.length));
  await putParts(engine, view, CONTENT, [0, 3]);
  const { file } = await engine.complete(alice, view.id, {});
  if (!file) throw new Error("no file");
  return file.id;
}

/** Readers that look at every part while it is mended, and believe nothing for long. */
async function readOn({ engine, clock }: Life): Promise<void> {
  for (let round = 0; round < 3; round++) {
    for (const index of [0, 1, 2]) {
      const file = await engine.file(alice, damaged);
      const range = { start: index * PART, end: index * PART + 1 };
      await engine.checkRead(file, range).catch(() => undefined);
    }
    clock.advance(60_000);
  }
}

async function heal(life: Life): Promise<void> {
  await Promise.all([life.engine.sweep("server", { isDryRun: false }), readOn(life)]);
}

/** What stands there, and what is said of it. */
async function violationsOf({ disk, metadata }: Life): Promise<string[]> {
  const file = await disk.open(path, "read", "cached");
  const bytes = Buffer.alloc(CONTENT.length + 8192);
  const size = await file.pread(bytes, 0, bytes.length, 0);
  await file.close();
  const noted = (await metadata.file(damaged))?.notes?.damaged ?? [];
  const wrong = [0, 1, 2].filter((index) => {
    const [from, to] = [index * PART, Math.min((index + 1) * PART, CONTENT.length)];
    return !bytes.subarray(from, to).equals(CONTENT.subarray(from, to));
  });
  return [
    ...wrong.filter((index) => !noted.includes(index)).map((index) => `part ${index} is bad`),
    ...(size !== CONTENT.length && noted.length === 0 ? [`${size} bytes stand there`] : []),
  ];
}

/** On a disk that a life has left: nothing is wrong, and one more sweep makes it right. */
async function judge(remains: Remains): Promise<string[]> {
  const found = await violationsOf(await beginLife(remains, "look"));
  const after = await beginLife(remains, "after");
  await after.engine.sweep("server", { isDryRun: false });
  const left = (await after.metadata.file(damaged))?.notes?.damaged ?? [];
  const more = await violationsOf(after);
  return [...found, ...more, ...(left.length > 0 ? [`${left} are not mended`] : [])];
}

async function lifeUntil(remains: Remains, moment: Moment | undefined): Promise<Life> {
  const life = await beginLife(remains, "heal", moment);
  await Promise.race([heal(life), life.crashed]);
  return life;
}

it("is gone on with wherever the power went, or the process", async () => {
  const steps = (await lifeUntil(start, undefined)).steps();
  expect(steps).toBeGreaterThan(20);
  const wrong = new Set<string>();
  for (let step = 1; step <= steps; step++) {
    for (const when of PLACES) {
      const life = await lifeUntil(start, { step, when });
      for (let image = 0; image < 3; image++) {
        const how = image === 2 ? "kill" : "power";
        const found = await judge(remainsOf(life, image, how));
        for (const one of found) wrong.add(`step ${step} ${when}, ${how}: ${one}`);
      }
    }
  }
  expect([...wrong]).toEqual([]);
}, 300_000);

it("is not believed for what a cache shows: killed, read, and then the power goes", async () => {
  const steps = (await lifeUntil(start, undefined)).steps();
  const wrong = new Set<string>();
  for (let step = 1; step <= steps; step++) {
    const killed = remainsOf(await lifeUntil(start, { step, when: "after" }), 0, "kill");
    const next = await beginLife(killed, "next");
    await readOn(next);
    for (let image = 0; image < 4; image++) {
      const found = await judge(remainsOf(next, image, "power"));
      for (const one of found) wrong.add(`step ${step}: ${one}`);
    }
  }
  expect([...wrong]).toEqual([]);
}, 300_000);

it("is begun again after a fault of the disk, and a write that was lost is not taken for healed", async () => {
  const steps = (await lifeUntil(start, undefined)).disk.operations();
  const wrong = new Set<string>();
  for (let at = 1; at <= steps; at++) {
    const failing: Remains = {
      ...start,
      disk: ({ onOperation, ...options } = {}) =>
        start.disk({
          ...options,
          onOperation: (operation) =>
            // After one of those no name can be made durable until the next start.
            operation.number === at && operation.kind !== "fsyncDir"
              ? { kind: "failed", errno: "EIO" }
              : onOperation?.(operation),
        }),
    };
    // The start of the storage is not what is looked at here.
    const life = await beginLife(failing, "faults").catch(() => undefined);
    if (!life) continue;
    await heal(life);
    const found = await judge(remainsOf(life, 0, "power"));
    for (const one of found) wrong.add(`operation ${at}, then power: ${one}`);
    await life.engine.sweep("server", { isDryRun: false });
    const left = (await life.metadata.file(damaged))?.notes?.damaged;
    if (left) wrong.add(`operation ${at}: ${left} are not mended by the next sweep`);
    for (const one of await violationsOf(life)) wrong.add(`operation ${at}: ${one}`);
  }
  expect([...wrong]).toEqual([]);
}, 300_000);
