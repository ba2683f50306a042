// A server that heals a file in an object store ends at every step, or sleeps there while another one heals or deletes the same: no record ever leads to bytes that are bad without a note, and nothing is left.
import { setImmediate as nextTurn } from "node:timers/promises";
import { createEngine } from "@holdfast/engine";
import { type FileId, KIB } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import {
  nothingYet,
  type PartsLife,
  type PartsRemains,
  partsLives,
} from "@holdfast/testkit/sim/parts-life";
import { leftBehind } from "@holdfast/testkit/sim/parts-promises";
import { createMemoryParts } from "@holdfast/testkit/storage/parts";
import { copyParts } from "@holdfast/testkit/storage/parts-state";
import { alice, createRequest, memoryParts, putParts } from "@holdfast/testkit/world";
import { beforeAll, expect, it } from "vitest";

const PART = 256 * KIB;
const CONTENT = createRandom("heal").bytes(2 * PART + 5000);
const BAD = 1;
const HOUR_MS = 60 * 60 * 1000;

/** Two files of the same bytes, one of them damaged and noted. */
let start: PartsRemains;
let damaged: FileId;
beforeAll(async () => {
  const life = await partsLives.begin(nothingYet, "start");
  damaged = await bring(life);
  await bring(life);
  const file = await life.engine.file(alice, damaged);
  const note = { kind: "damaged", indexes: [BAD] } as const;
  await life.metadata.apply({ kind: "note", id: damaged, note });
  const known = file.place && life.storage.state.places.get(file.place);
  if (!known?.object) throw new Error("no object");
  known.object[BAD * PART + 7] = 1 ^ (known.object[BAD * PART + 7] ?? 0);
  start = { ...partsLives.remainsOf(life, 0, "kill"), late: [] };
});

async function bring({ engine }: Pick<PartsLife, "engine">): Promise<FileId> {
  const view = await engine.create(alice, createRequest(CONTENT.length));
  await putParts(engine, view, CONTENT, [0, 3]);
  const { file } = await engine.complete(alice, view.id, {});
  if (!file) throw new Error("no file");
  return file.id;
}

const heal = ({ engine }: Pick<PartsLife, "engine">) => engine.sweep("server", { isDryRun: false });

/** What a record leads to, and what is said of it. */
async function violationsOf({ metadata, storage }: PartsLife): Promise<string[]> {
  const file = await metadata.file(damaged);
  if (file?.state !== "available") return [];
  const bytes = file.place && storage.state.places.get(file.place)?.object;
  if (!bytes) return ["there are no bytes"];
  const isRight = Buffer.from(bytes).equals(CONTENT);
  return isRight || file.notes?.damaged ? [] : ["bad bytes have no note"];
}

async function judge(remains: PartsRemains): Promise<string[]> {
  const found = await violationsOf(await partsLives.begin(remains, "look"));
  const after = await partsLives.begin(remains, "after");
  await after.engine.recover();
  await heal(after);
  const { notes } = (await after.metadata.file(damaged)) ?? {};
  const more = await violationsOf(after);
  const left = await leftBehind(after);
  return [...found, ...more, ...left, ...(notes?.damaged ? ["it is not healed"] : [])];
}

it("is gone on with, wherever the process ended", async () => {
  const whole = await partsLives.begin(start, "heal");
  await heal(whole);
  const steps = whole.steps();
  expect(steps).toBeGreaterThan(12);
  const wrong = new Set<string>();
  for (let step = 1; step <= steps; step++) {
    const life = await partsLives.begin(start, "heal", { step, when: "before" });
    await Promise.race([heal(life), life.crashed]);
    for (const one of await judge(partsLives.remainsOf(life, 0, "kill"))) {
      wrong.add(`step ${step}: ${one}`);
    }
  }
  expect([...wrong]).toEqual([]);
}, 120_000);

type OnCall = (call: string, when: string) => Promise<void>;

/** Two servers over the same records and the same store; the first one sleeps before its `at`th call until it is woken. */
function twoServers(at: number, onOther: OnCall = async () => undefined) {
  const [asleep, woken] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let calls = 0;
  async function step(): Promise<void> {
    if (++calls !== at) return;
    asleep.resolve();
    await woken.promise;
  }
  const state = copyParts(start.state);
  const metadata = createMemoryMetadata(
    start.records ? { state: structuredClone(start.records) } : {},
  );
  const clock = createVirtualClock();
  const engineWith = (onStep: OnCall, seed: string) =>
    createEngine(
      memoryParts({
        ...{ clock, random: createRandom(seed) },
        storage: createMemoryParts({ clock, state, onCall: onStep }),
        metadata: {
          ...metadata,
          async apply(change) {
            await onStep("apply", "before");
            return metadata.apply(change);
          },
        },
      }),
    );
  return {
    ...{ clock, state, metadata, calls: () => calls },
    sleeper: engineWith(step, "sleeper"),
    other: engineWith(onOther, "other"),
    asleep: asleep.promise,
    wake: woken.resolve,
  };
}

it.each(["heals", "deletes"] as const)(
  "does no harm where it slept while another server %s the file",
  async (what) => {
    const counted = twoServers(0);
    await heal({ engine: counted.sleeper });
    expect(counted.calls()).toBeGreaterThan(12);
    for (let at = 1; at <= counted.calls(); at++) {
      const world = twoServers(at);
      const healing = heal({ engine: world.sleeper });
      await Promise.race([world.asleep, healing]);
      if (what === "heals") await heal({ engine: world.other });
      else await world.other.deleteFile(alice, damaged);
      world.wake();
      await healing;
      const file = await world.metadata.file(damaged);
      const { places } = world.state;
      const bytes = file?.place && places.get(file.place)?.object;
      if (what === "heals") {
        expect([at, file?.notes, bytes && Buffer.from(bytes).equals(CONTENT)]).toEqual([
          ...[at, undefined, true],
        ]);
        // The old one, the new one and that of the other file.
        expect([at, places.size]).toEqual([at, 3]);
      } else expect([at, file, places.size]).toEqual([at, undefined, 1]);
    }
  },
  120_000,
);

it("leaves nothing where it ended while another server deleted the file", async () => {
  const counted = twoServers(0);
  await heal({ engine: counted.sleeper });
  const whole = await partsLives.begin(start, "whole");
  for (let at = 1; at <= counted.calls(); at++) {
    const world = twoServers(at);
    await Promise.race([world.asleep, heal({ engine: world.sleeper })]);
    await world.other.deleteFile(alice, damaged);
    const { other: engine, clock, metadata, state } = world;
    const storage = createMemoryParts({ clock, state });
    const life = { ...whole, engine, clock, metadata, storage };
    expect([at, await leftBehind(life)]).toEqual([at, []]);
  }
}, 120_000);

/** Whether the file is all there, wherever its record leads. */
async function isRight({ metadata, state }: ReturnType<typeof twoServers>): Promise<boolean> {
  const { place } = (await metadata.file(damaged)) ?? {};
  const bytes = place && state.places.get(place)?.object;
  return bytes !== undefined && Buffer.from(bytes).equals(CONTENT);
}

it("loses nothing by a sweep that took what it was at for left, and was slow to remove it", async () => {
  const counted = twoServers(0);
  await heal({ engine: counted.sleeper });
  for (let at = 1; at <= counted.calls(); at++) {
    const [begun, woken] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const world = twoServers(at, async (call, when) => {
      if (call !== "discard" || when !== "before") return;
      begun.resolve();
      await woken.promise;
    });
    const healing = heal({ engine: world.sleeper });
    await Promise.race([world.asleep, healing]);
    world.clock.advance(25 * HOUR_MS);
    const sweeping = heal({ engine: world.other });
    await Promise.race([begun.promise, sweeping]);
    world.wake();
    await healing;
    woken.resolve();
    await sweeping;
    expect([at, await isRight(world)]).toEqual([at, true]);
  }
}, 120_000);

it("leads nowhere when it wakes behind a sweep that found the file right again", async () => {
  const counted = twoServers(0);
  await heal({ engine: counted.sleeper });
  for (let at = 1; at <= counted.calls(); at++) {
    const world = twoServers(at);
    const healing = heal({ engine: world.sleeper });
    await Promise.race([world.asleep, healing]);
    const { place } = (await world.metadata.file(damaged)) ?? {};
    const known = place && world.state.places.get(place);
    if (known) world.state.places.set(place, { ...known, object: CONTENT.slice() });
    const note = { kind: "healed", indexes: [BAD] } as const;
    await world.metadata.apply({ kind: "note", id: damaged, note });
    for (let passes = 0; passes < 3; passes++) {
      world.clock.advance(25 * HOUR_MS);
      await heal({ engine: world.other });
    }
    world.wake();
    let isOver = false;
    const over = healing.finally(() => {
      isOver = true;
    });
    // It asks a store again that has dropped its place.
    for (; !isOver; await nextTurn()) world.clock.advance(1000);
    await over;
    expect([at, await isRight(world)]).toEqual([at, true]);
  }
}, 120_000);

it("keeps no sweep from its end: what takes long goes on beside the next ones, once", async () => {
  const counted = twoServers(0);
  await heal({ engine: counted.sleeper });
  const { sleeper, asleep, wake, clock, metadata, calls } = twoServers(counted.calls());
  const sweeping = heal({ engine: sleeper });
  await asleep;
  clock.advance(6 * 60_000);
  expect((await sweeping).isWhole).toBe(false);
  const before = calls();
  const next = heal({ engine: sleeper });
  await expect.poll(calls).toBeGreaterThan(before);
  clock.advance(6 * 60_000);
  await next;
  wake();
  await expect.poll(async () => (await metadata.file(damaged))?.notes).toBeUndefined();
}, 20_000);
