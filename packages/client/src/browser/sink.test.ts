// What a download of a page leaves where, and what of it is believed.
import { HoldfastError } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { systemClock, systemDigester } from "../node/platform.ts";
import { memoryCheckpoints } from "../node/testing/memory-checkpoints.ts";
import type { PartCheck } from "../ports.ts";
import { createKeeping } from "./keeping.ts";
import { createBrowserSink, createDisk } from "./sink.ts";
import type { Place } from "./target.ts";
import { createMemoryFolder } from "./testing/memory-folder.ts";

const ROOT = "0123456789abcdef".repeat(4);
const BYTES = Uint8Array.from({ length: 10 }, (_, at) => at + 1);
const KEPT: Place = { kind: "kept" };

let lastTalk = 0;

function createWorld() {
  const own = createMemoryFolder();
  const theirs = createMemoryFolder();
  const checkpoints = memoryCheckpoints();
  const judged: (readonly [index: number, bytes: readonly number[]])[] = [];
  const check: PartCheck = {
    partSize: 4,
    judge: async (index, bytes) => void judged.push([index, [...bytes]]),
  };
  const disk = { folder: async () => own.folder };
  const keeping = createKeeping(navigator.locks);
  const parts = { disk, checkpoints, keeping, clock: systemClock, digester: systemDigester };
  const identity = `talk ${++lastTalk}`;
  const open = (place: Place = KEPT, by = keeping) =>
    createBrowserSink({ identity, place }, { ...parts, keeping: by });
  const inFolder: Place = { kind: "folder", folder: theirs.folder, name: "talk.bin" };
  return { own, theirs, checkpoints, keeping, check, judged, open, inFolder };
}

type World = ReturnType<typeof createWorld>;

/** A sink with all the bytes in its working file, noted. */
async function fill({ open }: World, place: Place = KEPT) {
  const sink = open(place);
  await sink.open(ROOT, BYTES.length);
  await sink.write(4, BYTES.subarray(4));
  await sink.write(0, BYTES.subarray(0, 4));
  await sink.note(() => "noted");
  return sink;
}

describe("a download of a page", () => {
  it("finds what an earlier page wrote and noted, and says of no file that nobody was at it", async () => {
    const world = createWorld();
    await (await fill(world)).close();
    const again = world.open();
    expect(await again.open(ROOT, BYTES.length)).toEqual({ size: 10, mark: "", note: "noted" });
    const into = new Uint8Array(12);
    expect(await again.read("working", 2, into)).toBe(8);
    expect([...into]).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 0, 0, 0, 0]);
    expect(await world.open().open("f".repeat(64), 0)).toMatchObject({ size: 0, note: undefined });
  });

  it("keeps what is whole until it is removed", async () => {
    const world = createWorld();
    const sink = await fill(world);
    expect(await sink.whole()).toBeUndefined();
    await sink.commit(9, "keep", world.check);
    expect(await (await sink.whole())?.bytes()).toEqual(BYTES.subarray(0, 9));
    expect(world.judged).toEqual([]);
    await sink.discard(ROOT);
    expect(await sink.whole()).toBeUndefined();
    expect(world.own.files.size).toBe(0);
    expect(await world.checkpoints.list()).toEqual([]);
  });

  it("leaves alone what another page still has of it", async () => {
    const world = createWorld();
    const kept = await fill(world);
    await kept.commit(10, "keep", world.check);
    for (const place of [KEPT, world.inFolder]) {
      const other = createKeeping(navigator.locks);
      const sink = world.open(place, other);
      await sink.discard(ROOT);
      expect(await sink.open(ROOT, 10)).toMatchObject({ size: 10, note: "noted" });
      world.own.isFixed = true;
      await sink.commit(10, "keep", world.check);
      await other.letGo((await sink.whole())?.name ?? "");
      world.own.isFixed = false;
    }
    expect(world.theirs.files.get("talk.bin")?.bytes).toEqual(BYTES);
    expect(await (await kept.whole())?.bytes()).toEqual(BYTES);
    await world.keeping.letGo((await kept.whole())?.name ?? "");
  });

  it("copies what is whole to where it was wanted, every part judged, and keeps nothing", async () => {
    const world = createWorld();
    const sink = await fill(world, world.inFolder);
    await sink.commit(10, "keep", world.check);
    expect(world.judged).toEqual([
      [0, [1, 2, 3, 4]],
      [1, [5, 6, 7, 8]],
      [2, [9, 10]],
    ]);
    expect(world.theirs.files.get("talk.bin")?.bytes).toEqual(BYTES);
    expect(await sink.existingSize()).toBe(10);
    expect(await sink.whole()).toBeUndefined();
    expect(world.own.files.size).toBe(0);
    expect(await world.checkpoints.list()).toEqual([]);
  });

  it("leaves what is there already, and what it has, so that another name will do", async () => {
    const world = createWorld();
    const sink = await fill(world, world.inFolder);
    await world.theirs.folder.getFileHandle("talk.bin", { create: true });
    const theirs = Object.assign(world.theirs.files.get("talk.bin") ?? {}, {
      bytes: BYTES.slice(9),
    });
    expect(await sink.existingSize()).toBe(1);
    await expect(sink.commit(10, "keep", world.check)).rejects.toMatchObject({
      code: "sink_exists",
    });
    expect(theirs.bytes).toEqual(BYTES.slice(9));
    await sink.commit(10, "replace", world.check);
    expect(world.theirs.files.get("talk.bin")?.bytes).toEqual(BYTES);
  });

  it.each([
    ["is not allowed", { isDenied: true }, "sink_denied"],
    ["meets a part that was changed", { isDenied: false }, "sink_failed"],
  ])("shows nothing where the copying %s, and has all that it had", async (_, is, code) => {
    const world = createWorld();
    const sink = await fill(world, world.inFolder);
    Object.assign(world.theirs, is);
    const refuse = async (index: number) => {
      if (index === 1) throw new HoldfastError("sink_failed");
    };
    const refusing = { partSize: 4, judge: refuse };
    await expect(sink.commit(10, "keep", refusing)).rejects.toMatchObject({ code });
    expect(world.theirs.files.size).toBe(0);
    world.theirs.isDenied = false;
    await sink.commit(10, "keep", world.check);
    expect(world.theirs.files.get("talk.bin")?.bytes).toEqual(BYTES);
  });

  it("takes what a page left that went in the middle of a copy for nothing", async () => {
    const world = createWorld();
    const sink = await fill(world, world.inFolder);
    await world.theirs.folder.getFileHandle("talk.bin", { create: true });
    expect(await sink.existingSize()).toBeUndefined();
    await sink.commit(10, "keep", world.check);
    expect(world.theirs.files.get("talk.bin")?.bytes).toEqual(BYTES);
  });

  it("goes on with nothing after a flush that failed: what can be read may never get to the disk", async () => {
    const world = createWorld();
    const sink = await fill(world);
    world.own.isBroken = true;
    const noting = sink.note(() => "more");
    await expect(sink.write(0, BYTES)).rejects.toMatchObject({ code: "sink_failed" });
    await expect(noting).rejects.toMatchObject({ code: "sink_failed" });
    expect(world.own.files.size).toBe(0);
    expect(await world.checkpoints.list()).toEqual([]);
  });

  it("keeps nothing waiting while all of it is read at one go", async () => {
    const sink = await fill(createWorld());
    let isHeard = false;
    setTimeout(() => {
      isHeard = true;
    });
    const until = performance.now() + 5_000;
    while (!isHeard && performance.now() < until) await sink.read("working", 0, new Uint8Array(10));
    expect(isHeard).toBe(true);
  });

  it("says that there is no room before anything is written, and leaves what there was", async () => {
    const world = createWorld();
    await (await fill(world)).close();
    world.own.quota = 20;
    const sink = world.open();
    await expect(sink.open(ROOT, 21)).rejects.toMatchObject({ code: "sink_full" });
    expect(await sink.open(ROOT, 20)).toMatchObject({ size: 10, note: "noted" });
    await expect(sink.write(18, BYTES)).rejects.toMatchObject({ code: "sink_full" });
  });

  it("says where a page has no place for files", async () => {
    const none = createDisk(undefined).folder();
    await expect(none).rejects.toMatchObject({ code: "sink_unsupported" });
    const refuses = { getDirectory: () => Promise.reject(new Error("private")) };
    const refused = createDisk(refuses as unknown as StorageManager).folder();
    await expect(refused).rejects.toMatchObject({ code: "sink_unsupported" });
  });
});
