// Power loss at every operation of a small upload's life: what the storage has promised is there in every legal image.
import { createSlotPool, SLOT_SIZE } from "@holdfast/engine";
import { testBytes, testId } from "@holdfast/testkit/contracts/storage-rig";
import {
  createSimFs,
  type Operation,
  type SimFs,
  type SimFsOptions,
} from "@holdfast/testkit/sim/fs";
import { createSeededSchedule } from "@holdfast/testkit/sim/schedule";
import { expect, it } from "vitest";
import { createDiskStorage } from "./index.ts";

const DIRECTORY = "/data/bytes";
const ID = testId(1);
const SIZE = 2 * SLOT_SIZE + 777;
const BYTES = testBytes(SIZE, 1);
const MANIFEST = testBytes(5000, 2);
const IMAGES = 20;

/** What the storage has said so far. */
interface Promised {
  /** Slots that a resolved flush covers. */
  readonly flushed: Set<number>;
  isSealed: boolean;
  hasManifest: boolean;
  isRemoved: boolean;
  isRemoving: boolean;
}

it.each([
  ["direct", true, "before"],
  ["direct", true, "during"],
  ["direct", true, "after"],
  ["buffered", false, "before"],
  ["buffered", false, "during"],
  ["buffered", false, "after"],
] as const)("%s I/O, power lost at every operation (%s, %s)", async (_, hasDirectIo, when) => {
  const whole = createSimFs({ hasDirectIo, schedule: createSeededSchedule(1) });
  await life(whole, nothing());
  expect(whole.operations()).toBeGreaterThan(20);
  for (let at = 1; at <= whole.operations(); at++) {
    const options: SimFsOptions = {
      hasDirectIo,
      schedule: createSeededSchedule(at),
      onOperation: ({ number }: Operation) =>
        number === at ? { kind: "stopped", when } : undefined,
    };
    const fs = createSimFs(options);
    const promised = nothing();
    await Promise.race([life(fs, promised), fs.stopped]);
    for (let image = 0; image < IMAGES; image++) {
      await check(fs.crash(`${at}/${image}`), promised, `operation ${at}, image ${image}`);
    }
  }
});

it("a seal alone makes durable what was never flushed, its name too", async () => {
  const fs = createSimFs();
  const storage = await createDiskStorage({ directory: DIRECTORY, fs });
  const slot = await createSlotPool(SLOT_SIZE).take();
  slot.memory.set(BYTES.subarray(0, 5000));
  await storage.write(ID, 0, slot, 5000);
  await storage.seal(ID, 5000);
  for (let image = 0; image < IMAGES; image++) {
    const after = await createDiskStorage({ directory: DIRECTORY, fs: fs.crash(image) });
    const into = new Uint8Array(6000);
    expect(await after.read({ id: ID, kind: "bytes" }, 0, into)).toBe(5000);
    expect(Buffer.compare(into.subarray(0, 5000), BYTES.subarray(0, 5000))).toBe(0);
  }
});

function nothing(): Promised {
  return {
    flushed: new Set(),
    isSealed: false,
    hasManifest: false,
    isRemoved: false,
    isRemoving: false,
  };
}

async function life(fs: SimFs, promised: Promised): Promise<void> {
  const storage = await createDiskStorage({ directory: DIRECTORY, fs });
  const slots = createSlotPool(4 * SLOT_SIZE);
  const part = async (index: number) => {
    const slot = await slots.take();
    const bytes = BYTES.subarray(index * SLOT_SIZE, (index + 1) * SLOT_SIZE);
    slot.memory.set(bytes);
    await storage.write(ID, index * SLOT_SIZE, slot, bytes.length);
    slots.give(slot);
    await storage.flush(ID);
    promised.flushed.add(index);
  };
  await Promise.all([part(2), part(0), part(1)]);
  // Asking for the room is an operation at which the power can go while the promise before it stands.
  await storage.seal(ID, SIZE);
  promised.isSealed = true;
  await storage.room();
  await storage.put({ id: ID, kind: "manifest" }, [MANIFEST]);
  promised.hasManifest = true;
  await storage.room();
  promised.isRemoving = true;
  await storage.remove(ID);
  promised.isRemoved = true;
  await storage.room();
}

async function check(fs: SimFs, promised: Promised, where: string): Promise<void> {
  if (promised.isRemoved) expect(fs.names(), where).toEqual([]);
  if (promised.isRemoving) return;
  const storage = await createDiskStorage({ directory: DIRECTORY, fs });
  const read = async (kind: "bytes" | "manifest", offset: number, size: number) => {
    const into = new Uint8Array(size);
    return into.subarray(0, await storage.read({ id: ID, kind }, offset, into, "medium"));
  };
  for (const index of promised.flushed) {
    const expected = BYTES.subarray(index * SLOT_SIZE, (index + 1) * SLOT_SIZE);
    const found = await read("bytes", index * SLOT_SIZE, expected.length);
    expect(Buffer.compare(found, expected), `${where}: slot ${index}`).toBe(0);
  }
  if (promised.isSealed) {
    expect(Buffer.compare(await read("bytes", 0, SIZE + 1), BYTES), where).toBe(0);
  }
  if (promised.hasManifest) {
    expect(Buffer.compare(await read("manifest", 0, 6000), MANIFEST), where).toBe(0);
  }
}
