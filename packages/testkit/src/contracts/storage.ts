// What every storage does, the ones in memory and on a simulated disk too.
import { SLOT_SIZE } from "@holdfast/engine";
import { PART_SIZE_STEP, type UploadId } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { describeEndings } from "./storage-endings.ts";
import {
  expectBytes,
  expectCode,
  SIZE,
  type StorageRig,
  type StorageUnderTest,
  setUpRig,
  slotOffsets,
  testBytes,
  testId,
} from "./storage-rig.ts";

/** The suite; `create` makes an empty storage with room for some megabytes. */
export function describeStorageContract(
  name: string,
  create: () => Promise<StorageUnderTest>,
): void {
  describe(`storage contract: ${name}`, () => {
    const rig = setUpRig(create);
    describeBytes(rig);
    describeEndings(rig);
    describeRefusals(rig);
  });
}

function describeBytes(rig: StorageRig): void {
  const { write, writeWhole, read } = rig;

  it("says what it can take", () => {
    const { partSizeMin, partSizeMax, partCountMax, sizeMax } = rig.storage.limits;
    expect(partSizeMin % PART_SIZE_STEP).toBe(0);
    expect(partSizeMax).toBeGreaterThanOrEqual(partSizeMin);
    expect(partCountMax).toBeGreaterThan(0);
    expect(Number.isSafeInteger(sizeMax)).toBe(true);
  });

  it("says how much room there is", async () => {
    expect(await rig.storage.room()).toBeGreaterThan(SIZE);
  });

  describe("bytes", () => {
    it("read back as they were written, before and after flush and seal", async () => {
      const [id, bytes] = [testId(1), testBytes(SIZE, 1)];
      await writeWhole(id, bytes);
      expectBytes(await read(id, 0, SIZE), bytes);
      await rig.storage.flush(id);
      expectBytes(await read(id, 0, SIZE), bytes);
      await rig.storage.seal(id, SIZE);
      expectBytes(await read(id, 0, SIZE), bytes);
    });

    it.each(BORDERS)("read from %i to %i, cached and from the medium", async (start, end) => {
      const [id, bytes] = [testId(1), testBytes(SIZE, 2)];
      await writeWhole(id, bytes);
      await rig.storage.flush(id);
      for (const origin of [undefined, "medium"] as const) {
        expectBytes(await read(id, start, end - start, origin), bytes.slice(start, end));
      }
      await rig.storage.seal(id, SIZE);
      for (const origin of [undefined, "medium"] as const) {
        expectBytes(await read(id, start, end - start, origin), bytes.slice(start, end));
      }
    });

    it("fill memory that lies anywhere", async () => {
      const [id, bytes] = [testId(1), testBytes(SIZE, 3)];
      await writeWhole(id, bytes);
      await rig.storage.flush(id);
      const outer = new Uint8Array(9000).fill(0xee);
      await rig.storage.read({ id, kind: "bytes" }, 4000, outer.subarray(7, 8207), "medium");
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
      await Promise.all(uploads.map(({ id }) => rig.storage.flush(id)));
      await Promise.all(uploads.map(({ id, bytes }) => rig.storage.seal(id, bytes.length)));
      for (const { id, bytes } of uploads) expectBytes(await read(id, 0, bytes.length), bytes);
    });

    it("may be written again", async () => {
      const [id, bytes] = [testId(1), testBytes(SLOT_SIZE, 4)];
      await write(id, 0, testBytes(SLOT_SIZE, 5));
      await rig.storage.flush(id);
      await write(id, 0, bytes);
      await write(id, 0, bytes);
      await rig.storage.flush(id);
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
          await Promise.all([rig.storage.flush(id), rig.storage.flush(id)]);
        }),
      );
      await rig.storage.flush(id);
      expectBytes(await read(id, 0, SIZE, "medium"), bytes);
    });

    it("of nothing is fine", async () => {
      await rig.storage.flush(testId(9));
      expect(await read(testId(9), 0, 1)).toHaveLength(0);
    });
  });
}

function describeRefusals(rig: StorageRig): void {
  const { read } = rig;

  it("refuses what is not an upload's id, in every method", async () => {
    const slot = await rig.slots.take();
    for (const text of ["", "../../etc/passwd", "a/b", "A".repeat(26), "a".repeat(25), "a\0b"]) {
      // Only a caller that skipped the codec could bring such an id: the cast is what is under test.
      const id = text as UploadId;
      for (const call of [
        () => rig.storage.write(id, 0, slot, 1),
        () => rig.storage.flush(id),
        () => rig.storage.seal(id, 0),
        () => rig.storage.read({ id, kind: "bytes" }, 0, new Uint8Array(1)),
        () => rig.storage.read({ id, kind: "manifest" }, 0, new Uint8Array(1)),
        () => rig.storage.put({ id: id, kind: "manifest" }, [new Uint8Array(1)]),
        () => rig.storage.reset(id),
        () => rig.storage.remove(id),
      ]) {
        await expectCode(call(), "internal");
      }
    }
  });

  it("refuses a write off the blocks or beyond its slot", async () => {
    const slot = await rig.slots.take();
    for (const [offset, size] of [
      [1, 4096],
      [512, 4096],
      [-4096, 4096],
      [0.5, 4096],
      [0, SLOT_SIZE + 1],
      [0, -1],
    ] as const) {
      await expectCode(rig.storage.write(testId(1), offset, slot, size), "internal");
    }
    expect(await read(testId(1), 0, 1)).toHaveLength(0);
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
