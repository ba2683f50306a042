// What every storage does, the ones in memory and on a simulated disk too.
import { createSlotPool, SLOT_SIZE, type SlotPool, type Storage } from "@holdfast/engine";
import {
  type ErrorCode,
  isHoldfastError,
  KIB,
  PART_SIZE_STEP,
  type UploadId,
  uploadId,
} from "@holdfast/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

export interface StorageUnderTest {
  readonly storage: Storage;
  dispose(): Promise<void>;
}

const POOL_SIZE = 8 * SLOT_SIZE;
/** Ends in the middle of a block, in its third slot. */
const SIZE = 2 * SLOT_SIZE + 5000;

export function describeStorageContract(
  name: string,
  create: () => Promise<StorageUnderTest>,
): void {
  describe(`storage contract: ${name}`, () => {
    let storage: Storage;
    let slots: SlotPool;
    let dispose: () => Promise<void>;

    beforeEach(async () => {
      const made = await create();
      storage = made.storage;
      dispose = () => made.dispose();
      slots = createSlotPool(POOL_SIZE);
    });
    afterEach(() => dispose());

    const write = async (id: UploadId, offset: number, bytes: Uint8Array) => {
      const slot = await slots.take();
      try {
        slot.memory.set(bytes);
        await storage.write(id, offset, slot, bytes.length);
      } finally {
        slots.give(slot);
      }
    };
    const writeWhole = async (id: UploadId, bytes: Uint8Array) => {
      const offsets = slotOffsets(bytes.length);
      await Promise.all(offsets.map((at) => write(id, at, bytes.slice(at, at + SLOT_SIZE))));
    };
    const read = async (
      id: UploadId,
      offset: number,
      size: number,
      origin?: "medium",
      kind: "bytes" | "manifest" = "bytes",
    ) => {
      const into = new Uint8Array(size);
      return into.subarray(0, await storage.read({ id, kind }, offset, into, origin));
    };
    const readManifest = (id: UploadId, offset = 0) =>
      read(id, offset, 8 * 1024 * KIB, undefined, "manifest");

    it("says what it can take", () => {
      const { partSizeMin, partSizeMax, partCountMax, sizeMax } = storage.limits;
      expect(partSizeMin % PART_SIZE_STEP).toBe(0);
      expect(partSizeMax).toBeGreaterThanOrEqual(partSizeMin);
      expect(partCountMax).toBeGreaterThan(0);
      expect(Number.isSafeInteger(sizeMax)).toBe(true);
    });

    it("says how much room there is", async () => {
      expect(await storage.room()).toBeGreaterThan(SIZE);
    });

    describe("bytes", () => {
      it("read back as they were written, before and after flush and seal", async () => {
        const [id, bytes] = [testId(1), testBytes(SIZE, 1)];
        await writeWhole(id, bytes);
        expectBytes(await read(id, 0, SIZE), bytes);
        await storage.flush(id);
        expectBytes(await read(id, 0, SIZE), bytes);
        await storage.seal(id, SIZE);
        expectBytes(await read(id, 0, SIZE), bytes);
      });

      it.each(BORDERS)("read from %i to %i, cached and from the medium", async (start, end) => {
        const [id, bytes] = [testId(1), testBytes(SIZE, 2)];
        await writeWhole(id, bytes);
        await storage.flush(id);
        for (const origin of [undefined, "medium"] as const) {
          expectBytes(await read(id, start, end - start, origin), bytes.slice(start, end));
        }
        await storage.seal(id, SIZE);
        for (const origin of [undefined, "medium"] as const) {
          expectBytes(await read(id, start, end - start, origin), bytes.slice(start, end));
        }
      });

      it("fill memory that lies anywhere", async () => {
        const [id, bytes] = [testId(1), testBytes(SIZE, 3)];
        await writeWhole(id, bytes);
        await storage.flush(id);
        const outer = new Uint8Array(9000).fill(0xee);
        await storage.read({ id, kind: "bytes" }, 4000, outer.subarray(7, 8207), "medium");
        expectBytes(outer.subarray(7, 8207), bytes.slice(4000, 12_200));
        expect([...outer.subarray(0, 7), ...outer.subarray(8207)]).toEqual(Array(800).fill(0xee));
      });

      it("come in any order and at once, each upload for itself", async () => {
        const count = 12;
        const uploads = [1, 2, 3].map((n) => ({
          id: testId(n),
          bytes: testBytes(count * SLOT_SIZE, n),
        }));
        const writes = uploads.flatMap(({ id, bytes }) =>
          slotOffsets(bytes.length).map((at) => ({
            id,
            at,
            piece: bytes.slice(at, at + SLOT_SIZE),
          })),
        );
        writes.sort(
          (a, b) => (((a.at / SLOT_SIZE) * 5) % count) - (((b.at / SLOT_SIZE) * 5) % count),
        );
        await Promise.all(writes.map(({ id, at, piece }) => write(id, at, piece)));
        await Promise.all(uploads.map(({ id }) => storage.flush(id)));
        await Promise.all(uploads.map(({ id, bytes }) => storage.seal(id, bytes.length)));
        for (const { id, bytes } of uploads) expectBytes(await read(id, 0, bytes.length), bytes);
      });

      it("may be written again", async () => {
        const [id, bytes] = [testId(1), testBytes(SLOT_SIZE, 4)];
        await write(id, 0, testBytes(SLOT_SIZE, 5));
        await storage.flush(id);
        await write(id, 0, bytes);
        await write(id, 0, bytes);
        await storage.flush(id);
        expectBytes(await read(id, 0, SLOT_SIZE, "medium"), bytes);
      });

      it("leave zeros where nothing was written before them", async () => {
        const [id, bytes] = [testId(1), testBytes(4096, 6)];
        await write(id, SLOT_SIZE, bytes);
        expectBytes(await read(id, 0, SLOT_SIZE), new Uint8Array(SLOT_SIZE));
        expectBytes(await read(id, SLOT_SIZE, 4096), bytes);
      });

      it("of an upload that has none are none", async () => {
        expect(await read(testId(9), 0, 100)).toHaveLength(0);
        expect(await read(testId(9), 0, 100, "medium")).toHaveLength(0);
      });
    });

    describe("flush", () => {
      it("may be asked for by many at once, and again", async () => {
        const [id, bytes] = [testId(1), testBytes(SIZE, 7)];
        const offsets = slotOffsets(SIZE);
        await Promise.all(
          offsets.map(async (at) => {
            await write(id, at, bytes.slice(at, at + SLOT_SIZE));
            await Promise.all([storage.flush(id), storage.flush(id)]);
          }),
        );
        await storage.flush(id);
        expectBytes(await read(id, 0, SIZE, "medium"), bytes);
      });

      it("of nothing is fine", async () => {
        await storage.flush(testId(9));
        expect(await read(testId(9), 0, 1)).toHaveLength(0);
      });
    });

    describe("seal", () => {
      it.each([0, 1, 4095, 4096, 4097, SLOT_SIZE, SIZE])("cuts to %i bytes", async (size) => {
        const [id, bytes] = [testId(1), testBytes(size, 8)];
        await writeWhole(id, bytes);
        await storage.seal(id, size);
        expectBytes(await read(id, 0, size + 10_000), bytes);
        expectBytes(await read(id, 0, size + 10_000, "medium"), bytes);
      });

      it("may be repeated", async () => {
        const [id, bytes] = [testId(1), testBytes(SIZE, 9)];
        await writeWhole(id, bytes);
        await storage.seal(id, SIZE);
        await storage.seal(id, SIZE);
        await Promise.all([storage.seal(id, SIZE), storage.seal(id, SIZE)]);
        expectBytes(await read(id, 0, SIZE + 1), bytes);
      });

      it("waits for the writes that were issued before", async () => {
        const [id, bytes] = [testId(1), testBytes(SIZE, 10)];
        const written = writeWhole(id, bytes);
        // The slots are taken in microtasks; after these the writes are issued.
        for (let turn = 0; turn < 20; turn++) await Promise.resolve();
        await Promise.all([written, storage.seal(id, SIZE)]);
        expectBytes(await read(id, 0, SIZE + 1, "medium"), bytes);
      });

      it("refuses writes while it is under way", async () => {
        const [id, bytes] = [testId(1), testBytes(SLOT_SIZE, 11)];
        await write(id, 0, bytes);
        const slot = await slots.take();
        const sealed = storage.seal(id, SLOT_SIZE);
        const late = storage.write(id, 0, slot, SLOT_SIZE);
        await expectCode(late, "upload_not_open");
        await sealed;
        expectBytes(await read(id, 0, SLOT_SIZE), bytes);
      });

      it("is undone by the next write", async () => {
        const [id, bytes] = [testId(1), testBytes(SIZE, 12)];
        await writeWhole(id, bytes.slice(0, SLOT_SIZE + 100));
        await storage.seal(id, SLOT_SIZE + 100);
        await writeWhole(id, bytes);
        await storage.flush(id);
        await storage.seal(id, SIZE);
        expectBytes(await read(id, 0, SIZE + 1), bytes);
      });

      it("never makes up bytes that are missing", async () => {
        const id = testId(1);
        await write(id, 0, testBytes(4096, 13));
        await expectCode(storage.seal(id, 4097 + 4096), "storage_failed");
        await expectCode(storage.seal(testId(2), 1), "storage_failed");
        await storage.reset(id);
        expect(await read(id, 0, 10_000)).toHaveLength(4096);
        expect(await read(testId(2), 0, 1)).toHaveLength(0);
      });
    });

    describe("manifest", () => {
      it.each([0, 1, 4096, 5 * 1024 * KIB + 7])("of %i bytes reads back", async (size) => {
        const [id, manifest] = [testId(1), testBytes(size, 14)];
        await storage.putManifest(id, manifest);
        expectBytes(await readManifest(id), manifest);
        expectBytes(
          await readManifest(id, Math.floor(size / 3)),
          manifest.slice(Math.floor(size / 3)),
        );
        expectBytes(await read(id, 0, size, "medium", "manifest"), manifest);
      });

      it("may be stored again, and is the last one then", async () => {
        const id = testId(1);
        await storage.putManifest(id, testBytes(9000, 15));
        await storage.putManifest(id, testBytes(9000, 15));
        expectBytes(await readManifest(id), testBytes(9000, 15));
        await storage.putManifest(id, testBytes(50, 16));
        expectBytes(await readManifest(id), testBytes(50, 16));
      });

      it("has nothing to do with the bytes", async () => {
        const id = testId(1);
        await storage.putManifest(id, testBytes(100, 17));
        expect(await read(id, 0, 100)).toHaveLength(0);
        await write(id, 0, testBytes(4096, 18));
        await storage.seal(id, 4000);
        expectBytes(await readManifest(id), testBytes(100, 17));
        expect(await readManifest(testId(2))).toHaveLength(0);
      });
    });

    describe("reset", () => {
      it("may be repeated, and the upload goes on", async () => {
        const [id, bytes] = [testId(1), testBytes(SIZE, 19)];
        await writeWhole(id, bytes);
        await storage.flush(id);
        await storage.reset(id);
        await storage.reset(id);
        expectBytes(await read(id, 0, SIZE, "medium"), bytes);
        await write(id, 0, bytes.slice(0, SLOT_SIZE));
        await storage.seal(id, SIZE);
        expectBytes(await read(id, 0, SIZE + 1), bytes);
      });

      it("of nothing is fine", async () => {
        await storage.reset(testId(9));
        expect(await read(testId(9), 0, 1)).toHaveLength(0);
      });
    });

    describe("remove", () => {
      it("takes bytes and manifest, and may be repeated", async () => {
        const id = testId(1);
        await writeWhole(id, testBytes(SIZE, 20));
        await storage.putManifest(id, testBytes(100, 21));
        await storage.remove(id);
        await storage.remove(id);
        expect(await read(id, 0, SIZE)).toHaveLength(0);
        expect(await readManifest(id)).toHaveLength(0);
      });

      it("takes what is sealed, flushed or in nobody's memory", async () => {
        const [sealed, flushed] = [testId(1), testId(2)];
        await writeWhole(sealed, testBytes(SIZE, 22));
        await storage.seal(sealed, SIZE);
        expect(await read(sealed, 0, 1)).toHaveLength(1);
        await writeWhole(flushed, testBytes(SIZE, 23));
        await storage.flush(flushed);
        await Promise.all([storage.remove(sealed), storage.remove(flushed)]);
        await storage.remove(testId(9));
        for (const id of [sealed, flushed]) {
          expect(await read(id, 0, 1)).toHaveLength(0);
          expect(await read(id, 0, 1, "medium")).toHaveLength(0);
        }
      });

      it("leaves nothing that a later write could bring back", async () => {
        const id = testId(1);
        await writeWhole(id, testBytes(SIZE, 24));
        await storage.remove(id);
        await write(id, SLOT_SIZE, testBytes(4096, 25));
        expectBytes(await read(id, 0, SLOT_SIZE), new Uint8Array(SLOT_SIZE));
      });
    });

    it("refuses what is not an upload's id, in every method", async () => {
      const slot = await slots.take();
      for (const text of ["", "../../etc/passwd", "a/b", "A".repeat(26), "a".repeat(25), "a\0b"]) {
        // Only a caller that skipped the codec could bring such an id: the cast is what is under test.
        const id = text as UploadId;
        for (const call of [
          () => storage.write(id, 0, slot, 1),
          () => storage.flush(id),
          () => storage.seal(id, 0),
          () => storage.read({ id, kind: "bytes" }, 0, new Uint8Array(1)),
          () => storage.read({ id, kind: "manifest" }, 0, new Uint8Array(1)),
          () => storage.putManifest(id, new Uint8Array(1)),
          () => storage.reset(id),
          () => storage.remove(id),
        ]) {
          await expectCode(call(), "internal");
        }
      }
    });

    it("refuses a write off the blocks or beyond its slot", async () => {
      const slot = await slots.take();
      for (const [offset, size] of [
        [1, 4096],
        [512, 4096],
        [-4096, 4096],
        [0.5, 4096],
        [0, SLOT_SIZE + 1],
        [0, -1],
      ] as const) {
        await expectCode(storage.write(testId(1), offset, slot, size), "internal");
      }
      expect(await read(testId(1), 0, 1)).toHaveLength(0);
    });
  });
}

/** Start and end of reads: at, before and behind the borders of blocks, slots and the end. */
const BORDERS: readonly (readonly [number, number])[] = [
  [0, 0],
  [0, 1],
  [0, SIZE],
  [1, SIZE],
  [4095, 4097],
  [4096, 8192],
  [511, 513],
  [SLOT_SIZE - 1, SLOT_SIZE + 1],
  [SLOT_SIZE, 2 * SLOT_SIZE],
  [3, 2 * SLOT_SIZE + 3],
  [SIZE - 1, SIZE],
  [2 * SLOT_SIZE, SIZE],
];

function slotOffsets(size: number): number[] {
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
function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.length).toBe(expected.length);
  if (Buffer.compare(actual, expected) === 0) return;
  expect(actual.findIndex((byte, at) => byte !== expected[at])).toBe(-1);
}

async function expectCode(result: Promise<unknown>, code: ErrorCode): Promise<void> {
  const outcome = await result.then(
    () => "resolved",
    (error: unknown) => (isHoldfastError(error) ? error.code : error),
  );
  expect(outcome).toBe(code);
}
