// What is left in a storage of parts by those who came late: it goes once it is certain that nobody wants it, and never before.
import { createEngine, type Engine, type PlacedObject } from "@holdfast/engine";
import { KIB, type SweepReport, type UploadId } from "@holdfast/protocol";
import { createBody } from "@holdfast/testkit/body";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryParts, type MemoryPartsOptions } from "@holdfast/testkit/storage/parts";
import {
  alice,
  createRequest,
  memoryParts,
  partDigests,
  putParts,
  readAll,
} from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const PART = 256 * KIB;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const content = createRandom("objects").bytes(PART + 1000);
const UNKNOWN = "aaaaaaaaaaaaaaaaaaaaaaaaaa" as UploadId;

function makeWorld(onCall: MemoryPartsOptions["onCall"] = () => undefined) {
  const clock = createVirtualClock();
  const storage = createMemoryParts({ clock, onCall });
  const metadata = createMemoryMetadata();
  const logged: string[] = [];
  const log = (_: unknown, event: string) => void logged.push(event);
  const start = (life: string): Engine =>
    createEngine(memoryParts({ storage, metadata, clock, log, random: createRandom(life) }));
  return { engine: start("first"), start, storage, clock, logged };
}

const sweep = (engine: Engine, more = {}): Promise<SweepReport> =>
  engine.sweep(alice, { isDryRun: false, ...more });

async function filled(engine: Engine) {
  const view = await engine.create(alice, createRequest(content.length));
  await putParts(engine, view, content, [0, 2]);
  return view;
}

/** As somebody does it who has slept: what he stores is late. */
const LATE = (id: UploadId): readonly PlacedObject[] => [
  { kind: "manifest", id, name: "late" },
  { kind: "tail", id, name: "late" },
];

describe("what comes after an upload has ended", () => {
  it("goes once it is an hour old and was seen twice", async () => {
    const { engine, storage, clock, logged } = makeWorld();
    const { id } = await filled(engine);
    await engine.abort(alice, id);
    for (const object of LATE(id)) await storage.objects.put(object, content);
    expect((await sweep(engine)).left.count).toBe(0);
    clock.advance(30 * MINUTE);
    expect((await sweep(engine)).left.count).toBe(0);
    clock.advance(31 * MINUTE);
    expect((await sweep(engine, { isDryRun: true })).left).toEqual({
      count: 2,
      bytes: 2 * content.length,
    });
    expect(storage.state.objects.size).toBe(2);
    expect((await sweep(engine)).left.count).toBe(2);
    expect(storage.state.objects.size).toBe(0);
    expect(logged).toContain("storage.left.removed");
  });

  it("is seen twice by one process, ten minutes apart", async () => {
    const { engine, start, storage, clock } = makeWorld();
    const { id } = await filled(engine);
    await engine.abort(alice, id);
    for (const object of LATE(id)) await storage.objects.put(object, content);
    clock.advance(2 * HOUR);
    expect((await sweep(engine)).left.count).toBe(0);
    clock.advance(9 * MINUTE);
    expect((await sweep(engine)).left.count).toBe(0);
    const second = start("second");
    clock.advance(2 * MINUTE);
    expect((await sweep(second)).left.count).toBe(0);
    expect((await sweep(engine)).left.count).toBe(2);
  });

  it("goes from a file that was made elsewhere: another object, a tail; never its own", async () => {
    const { engine, storage, clock } = makeWorld();
    const view = await filled(engine);
    const done = await engine.complete(alice, view.id, {});
    // A server that was overtaken assembles the place that was given up.
    const [own] = [...storage.state.places.keys()];
    const given = await storage.begin(view.id, "a/b");
    const state = storage.state.places.get(given);
    if (state) Object.assign(state, { object: content, assembledAt: clock.now() });
    await storage.objects.put({ kind: "tail", id: view.id, name: "late" }, content);
    await sweep(engine);
    clock.advance(2 * HOUR);
    expect((await sweep(engine)).left.count).toBe(2);
    expect([...storage.state.places.keys()]).toEqual([own]);
    expect([...storage.state.objects.keys()]).toEqual([
      expect.stringMatching(`^${view.id}/manifest/`),
    ]);
    expect(Buffer.compare(await readAll(engine, done), content)).toBe(0);
  });
});

describe("what an upload that goes on may want", () => {
  it("stays, whether the record names it or not", async () => {
    const { engine, storage, clock } = makeWorld();
    const view = await engine.create(alice, createRequest(content.length));
    const body = createBody(content.subarray(0, 1000));
    await engine.append(alice, { id: view.id, at: 0, body, isLast: false });
    await storage.objects.put({ kind: "tail", id: view.id, name: "unnamed" }, content);
    for (let pass = 0; pass < 3; pass++) {
      clock.advance(7 * HOUR);
      expect(await sweep(engine, { takesUnrecorded: true })).toMatchObject({
        left: { count: 0 },
        unrecorded: { count: 0 },
      });
    }
    expect(storage.state.objects.size).toBe(2);
    const rest = createBody(content.subarray(1000));
    await engine.append(alice, { id: view.id, at: 1000, body: rest, isLast: true });
    expect([...storage.state.objects.keys()]).toEqual([
      expect.stringMatching(`^${view.id}/manifest/`),
    ]);
  });
});

describe("what no record knows", () => {
  it("is told of, and goes only on demand, a day old and seen twice", async () => {
    const { engine, storage, clock, logged } = makeWorld();
    for (const object of LATE(UNKNOWN)) await storage.objects.put(object, content);
    const there = { left: { count: 0 }, unrecorded: { count: 2, bytes: 2 * content.length } };
    expect(await sweep(engine)).toMatchObject(there);
    expect(logged).toContain("storage.unrecorded");
    clock.advance(23 * HOUR);
    expect(await sweep(engine, { takesUnrecorded: true })).toMatchObject(there);
    clock.advance(2 * HOUR);
    for (const more of [{}, { isDryRun: true }]) {
      expect(await sweep(engine, more)).toMatchObject(there);
    }
    expect(await engine.sweep("server", { isDryRun: false })).toMatchObject(there);
    expect(storage.state.objects.size).toBe(2);
    const gone = { left: { count: 2 }, unrecorded: { count: 0 } };
    const wants = { takesUnrecorded: true };
    expect(await sweep(engine, { ...wants, isDryRun: true })).toMatchObject(gone);
    expect(await sweep(engine, wants)).toMatchObject(gone);
    expect(storage.state.objects.size).toBe(0);
  });

  it("is not told of where it is just being removed", async () => {
    let remove: () => void = () => undefined;
    const { engine, storage } = makeWorld((call) => {
      if (call === "objects.read") remove();
    });
    for (const object of LATE(UNKNOWN)) await storage.objects.put(object, content);
    remove = () => storage.state.objects.clear();
    expect((await sweep(engine)).unrecorded.count).toBe(0);
  });
});

it("an upload that is one object and open by its record, as after an older copy was restored, expires on demand only", async () => {
  const clock = createVirtualClock();
  const storage = createMemoryParts({ clock });
  const metadata = createMemoryMetadata();
  const logged: string[] = [];
  const log = (_: unknown, event: string) => void logged.push(event);
  const engine = createEngine(memoryParts({ storage, metadata, clock, log }));
  const view = await filled(engine);
  const { place } = (await metadata.upload(view.id)) ?? {};
  const digests = partDigests(view, content);
  const parts = digests.map((digest, index) => ({
    ...{ index, digest },
    size: index === 0 ? PART : 1000,
  }));
  if (place === undefined) throw new Error("it has a place");
  await storage.assemble(place, parts);
  clock.advance(30 * HOUR);
  expect((await engine.sweep("server", { isDryRun: false })).expired.count).toBe(0);
  expect(logged).toContain("upload.behind");
  expect(storage.state.places.get(place)?.object?.length).toBe(content.length);
  expect((await sweep(engine, { takesUnrecorded: true })).expired.count).toBe(1);
  expect(storage.state.places.size).toBe(0);
});

it("is looked for by the server at its start, and every six hours from then on", async () => {
  let lists = 0;
  const { engine, storage, clock } = makeWorld((call, when) => {
    if (call === "objects.list" && when === "before") lists++;
  });
  const { id } = await filled(engine);
  await engine.abort(alice, id);
  for (const object of LATE(id)) await storage.objects.put(object, content);
  const own = () => engine.sweep("server", { isDryRun: false });
  for (let halves = 0; halves < 12; halves++) {
    expect((await own()).left.count).toBe(0);
    clock.advance(30 * MINUTE);
  }
  expect(lists).toBe(1);
  expect((await own()).left.count).toBe(2);
  expect(lists).toBe(2);
});

it("goes on with a pass that failed or was cut, and says what has failed", async () => {
  let fails = 1;
  const { engine, storage, clock } = makeWorld((call, when) => {
    if (call === "objects.remove" && when === "before" && fails-- > 0) throw new Error("no");
  });
  const { id } = await filled(engine);
  await engine.abort(alice, id);
  for (const object of LATE(id)) await storage.objects.put(object, content);
  const own = () => engine.sweep("server", { isDryRun: false });
  await own();
  clock.advance(6 * HOUR);
  expect(await own()).toMatchObject({ left: { count: 0 }, failed: 1 });
  expect((await own()).left.count).toBe(1);
  clock.advance(6 * HOUR);
  expect((await own()).left.count).toBe(1);
});
