// What the storage contract works with: a storage under test, slots, and short words for writing and reading whole byte strings.
import { createSlotPool, type RegionStorage, SLOT_SIZE, type SlotPool } from "@holdfast/engine";
import { type ErrorCode, isHoldfastError, KIB, type UploadId, uploadId } from "@holdfast/protocol";
import { afterEach, beforeEach, expect } from "vitest";

export interface StorageUnderTest {
  readonly storage: RegionStorage;
  dispose(): Promise<void>;
}

export interface StorageRig {
  /** A fresh one for each test. */
  readonly storage: RegionStorage;
  readonly slots: SlotPool;
  /** Writes bytes of at most one slot. */
  write(id: UploadId, offset: number, bytes: Uint8Array): Promise<void>;
  /** Writes bytes from 0 on, all slots at once. */
  writeWhole(id: UploadId, bytes: Uint8Array): Promise<void>;
  read(
    id: UploadId,
    offset: number,
    size: number,
    origin?: "medium",
    kind?: "bytes" | "manifest",
  ): Promise<Uint8Array>;
  readManifest(id: UploadId, offset?: number): Promise<Uint8Array>;
}

const POOL_SIZE = 8 * SLOT_SIZE;
const MANIFEST_MAX = 8 * 1024 * KIB;
/** Ends in the middle of a block, in its third slot. */
export const SIZE: number = 2 * SLOT_SIZE + 5000;

/** To be called in a `describe`: each test in it gets a storage of its own. */
export function setUpRig(create: () => Promise<StorageUnderTest>): StorageRig {
  let made: StorageUnderTest | undefined;
  const slots = createSlotPool(POOL_SIZE);
  beforeEach(async () => {
    made = await create();
  });
  afterEach(async () => {
    await made?.dispose();
    made = undefined;
  });
  const storage = (): RegionStorage => {
    if (!made) throw new Error("there is a storage only while a test runs");
    return made.storage;
  };
  const rig: StorageRig = {
    get storage() {
      return storage();
    },
    slots,
    async write(id, offset, bytes) {
      const slot = await slots.take();
      try {
        slot.memory.set(bytes);
        await storage().write(id, offset, slot, bytes.length);
      } finally {
        slots.give(slot);
      }
    },
    async writeWhole(id, bytes) {
      const offsets = slotOffsets(bytes.length);
      await Promise.all(offsets.map((at) => rig.write(id, at, bytes.slice(at, at + SLOT_SIZE))));
    },
    async read(id, offset, size, origin, kind = "bytes") {
      const into = new Uint8Array(size);
      return into.subarray(0, await storage().read({ id, kind }, offset, into, origin));
    },
    readManifest: (id, offset = 0) => rig.read(id, offset, MANIFEST_MAX, undefined, "manifest"),
  };
  return rig;
}

/** Where the slots of so many bytes begin. */
export function slotOffsets(size: number): number[] {
  return Array.from({ length: Math.ceil(size / SLOT_SIZE) }, (_, index) => index * SLOT_SIZE);
}

export function testId(n: number): UploadId {
  return uploadId(new Uint8Array(16).fill(n));
}

/** Bytes that differ from seed to seed and from place to place. */
export function testBytes(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = (seed + 1) * 0x9e3779b1;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** Says where two byte strings part, rather than listing a million bytes. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.length).toBe(expected.length);
  if (Buffer.compare(actual, expected) === 0) return;
  expect(actual.findIndex((byte, at) => byte !== expected[at])).toBe(-1);
}

export async function expectCode(result: Promise<unknown>, code: ErrorCode): Promise<void> {
  const outcome = await result.then(
    () => "resolved",
    (error: unknown) => (isHoldfastError(error) ? error.code : error),
  );
  expect(outcome).toBe(code);
}
