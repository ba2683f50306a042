// A manifest that is made anew where that is harder: its store is away for a moment, or another server deletes the file.
import { setImmediate as nextTurn } from "node:timers/promises";
import { createEngine } from "@holdfast/engine";
import { HoldfastError, KIB } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryParts, type MemoryPartsOptions } from "@holdfast/testkit/storage/parts";
import { alice, createRequest, memoryParts, putParts } from "@holdfast/testkit/world";
import { expect, it } from "vitest";

const CONTENT = createRandom("manifest").bytes(2 * 256 * KIB + 5000);
const IN_DIGESTS = 60;
const FAILS = { code: "storage_failed", details: { isManifest: true } };

type OnCall = NonNullable<MemoryPartsOptions["onCall"]>;

/** A file whose manifest has a digest that is wrong. */
async function begin() {
  const clock = createVirtualClock();
  const metadata = createMemoryMetadata();
  let onCall: OnCall = () => undefined;
  const storage = createMemoryParts({ clock, onCall: (call, when) => onCall(call, when) });
  const { objects, places } = storage.state;
  const logged: string[] = [];
  const log = (_level: string, event: string) => void logged.push(event);
  const engine = createEngine(memoryParts({ storage, metadata, clock, log }));
  const other = createEngine(memoryParts({ storage, metadata, clock }));
  const view = await engine.create(alice, createRequest(CONTENT.length));
  await putParts(engine, view, CONTENT, [0, 3]);
  const { file } = await engine.complete(alice, view.id, {});
  const record = await engine.file(alice, file?.id ?? "");
  const [key = ""] = [...objects.keys()].filter((one) => one.includes("manifest"));
  const right = objects.get(key);
  const bad = right?.slice() ?? new Uint8Array();
  bad[IN_DIGESTS] = (bad[IN_DIGESTS] ?? 0) ^ 1;
  objects.set(key, bad);
  const set = (next: OnCall) => {
    onCall = next;
  };
  return {
    clock,
    engine,
    other,
    record,
    objects,
    logged,
    set,
    stored: () => objects.get(key),
    bytes: () => [...places.values()].map(({ object }) => object),
    right,
  };
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await nextTurn();
}

it("leaves nothing of a file that another server has deleted meanwhile", async () => {
  const { engine, other, record, objects, logged, set } = await begin();
  set(async (call, when) => {
    if (call === "objects.put" && when === "before") await other.deleteFile(alice, record.id);
  });
  await expect(engine.manifest(record)).rejects.toMatchObject(FAILS);
  await settled();
  expect([...objects.keys()]).toEqual([]);
  expect(logged).toEqual(["manifest.bad"]);
});

it.each([
  ["reads of the file's bytes", "objects.read", 4],
  ["the manifest's write", "objects.put", 0],
] as const)("is tried again soon where %s failed for a moment", async (_, failing, after) => {
  const { clock, engine, record, logged, set, stored, right } = await begin();
  let calls = 0;
  set((call, when) => {
    if (call !== failing || when !== "before" || ++calls <= after) return;
    throw new HoldfastError("storage_failed", "the store is away");
  });
  await expect(engine.manifest(record)).rejects.toMatchObject(FAILS);
  await settled();
  expect(logged).toEqual(["manifest.bad", "manifest.not-healed"]);
  set(() => undefined);
  clock.advance(10_000);
  await expect(engine.manifest(record)).rejects.toMatchObject(FAILS);
  await settled();
  expect([logged.at(-1), stored()]).toEqual(["manifest.healed", right]);
});

/** Reads of the store for each who asks, so many minutes after the one before. */
async function readsAfter(
  { clock, engine, record, set }: Awaited<ReturnType<typeof begin>>,
  waits: readonly number[],
): Promise<readonly number[]> {
  let reads = 0;
  set((call, when) => {
    if (call === "objects.read" && when === "before") reads++;
  });
  const tries: number[] = [];
  for (const minutes of waits) {
    reads = 0;
    clock.advance(minutes * 60_000);
    await expect(engine.manifest(record)).rejects.toMatchObject(FAILS);
    await settled();
    tries.push(reads);
  }
  return tries;
}

it("reads all of a file once an hour at most, for a manifest that it does not help", async () => {
  const world = await begin();
  const [bytes = new Uint8Array()] = world.bytes();
  bytes[bytes.length - 9] = (bytes[bytes.length - 9] ?? 0) ^ 1;
  // Who asks reads the manifest, who mends it once more, then what stands behind its digests, and those; the file has three parts.
  expect(await readsAfter(world, [0, 1, 1, 59])).toEqual([7, 4, 4, 7]);
});

it("reads nothing of a file whose digests are right: what has rotted beside them it has not", async () => {
  const world = await begin();
  const { objects, right = new Uint8Array(), logged } = world;
  const [key = ""] = [...objects.keys()].filter((one) => one.includes("manifest"));
  const bad = right.slice();
  bad[bad.length - 9] = 0;
  objects.set(key, bad);
  // The digests twice: whether they are right, and as they stand there. Then nothing for an hour.
  expect(await readsAfter(world, [0, 1, 58, 1])).toEqual([5, 1, 1, 5]);
  expect(logged.at(-1)).toBe("manifest.not-healed");
});

it("reads nothing of a file for what stands before its digests", async () => {
  const world = await begin();
  const { objects, right = new Uint8Array(), logged, stored } = world;
  const [key = ""] = [...objects.keys()].filter((one) => one.includes("manifest"));
  const bad = right.slice();
  bad[3] = 0;
  objects.set(key, bad);
  expect(await readsAfter(world, [0])).toEqual([5]);
  expect([logged.at(-1), stored()]).toEqual(["manifest.healed", right]);
});

it("waits for no file that is large, nor a large one for it", async () => {
  const { engine, record, objects, logged, set } = await begin();
  const other = await engine.create(alice, createRequest(CONTENT.length));
  await putParts(engine, other, CONTENT, [0, 3]);
  const { file } = await engine.complete(alice, other.id, {});
  const second = await engine.file(alice, file?.id ?? "");
  const key = [...objects.keys()].find((one) => one.includes(other.id)) ?? "";
  const bad = objects.get(key)?.slice() ?? new Uint8Array();
  bad[IN_DIGESTS] = (bad[IN_DIGESTS] ?? 0) ^ 1;
  objects.set(key, bad);
  const { promise: held, resolve } = Promise.withResolvers<void>();
  let reads = 0;
  // What is asked for first is read; who mends it comes to a stop.
  set(async (call, when) => {
    if (call === "objects.read" && when === "before" && ++reads === 2) await held;
  });
  const large = { ...record, size: 2 ** 40 };
  await expect(engine.manifest(large)).rejects.toMatchObject(FAILS);
  await settled();
  expect([reads, logged]).toEqual([2, []]);
  await expect(engine.manifest(second)).rejects.toMatchObject(FAILS);
  await settled();
  expect(logged).toEqual(["manifest.bad", "manifest.healed"]);
  resolve();
  await settled();
});
