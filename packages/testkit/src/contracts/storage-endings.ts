// How bytes come to rest in every storage: seal, manifest, reset, remove.
import { SLOT_SIZE } from "@holdfast/engine";
import { KIB } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import {
  expectBytes,
  expectCode,
  SIZE,
  type StorageRig,
  testBytes,
  testId,
} from "./storage-rig.ts";

export function describeEndings(rig: StorageRig): void {
  const { write, writeWhole, read, readManifest } = rig;

  describe("seal", () => {
    it.each([0, 1, 4095, 4096, 4097, SLOT_SIZE, SIZE])("cuts to %i bytes", async (size) => {
      const [id, bytes] = [testId(1), testBytes(size, 8)];
      await writeWhole(id, bytes);
      await rig.storage.seal(id, size);
      expectBytes(await read(id, 0, size + 10_000), bytes);
      expectBytes(await read(id, 0, size + 10_000, "medium"), bytes);
    });

    it("may be repeated", async () => {
      const [id, bytes] = [testId(1), testBytes(SIZE, 9)];
      await writeWhole(id, bytes);
      await rig.storage.seal(id, SIZE);
      await rig.storage.seal(id, SIZE);
      await Promise.all([rig.storage.seal(id, SIZE), rig.storage.seal(id, SIZE)]);
      expectBytes(await read(id, 0, SIZE + 1), bytes);
    });

    it("waits for the writes that were issued before", async () => {
      const [id, bytes] = [testId(1), testBytes(SIZE, 10)];
      const written = writeWhole(id, bytes);
      // The slots are taken in microtasks; after these the writes are issued.
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      await Promise.all([written, rig.storage.seal(id, SIZE)]);
      expectBytes(await read(id, 0, SIZE + 1, "medium"), bytes);
    });

    it("refuses writes while it is under way", async () => {
      const [id, bytes] = [testId(1), testBytes(SLOT_SIZE, 11)];
      await write(id, 0, bytes);
      const slot = await rig.slots.take();
      const sealed = rig.storage.seal(id, SLOT_SIZE);
      const late = rig.storage.write(id, 0, slot, SLOT_SIZE);
      await expectCode(late, "upload_not_open");
      await sealed;
      expectBytes(await read(id, 0, SLOT_SIZE), bytes);
    });

    it("is undone by the next write", async () => {
      const [id, bytes] = [testId(1), testBytes(SIZE, 12)];
      await writeWhole(id, bytes.slice(0, SLOT_SIZE + 100));
      await rig.storage.seal(id, SLOT_SIZE + 100);
      await writeWhole(id, bytes);
      await rig.storage.flush(id);
      await rig.storage.seal(id, SIZE);
      expectBytes(await read(id, 0, SIZE + 1), bytes);
    });

    it("never makes up bytes that are missing", async () => {
      const id = testId(1);
      await write(id, 0, testBytes(4096, 13));
      await expectCode(rig.storage.seal(id, 4097 + 4096), "storage_failed");
      await expectCode(rig.storage.seal(testId(2), 1), "storage_failed");
      await rig.storage.reset(id);
      expect(await read(id, 0, 10_000)).toHaveLength(4096);
      expect(await read(testId(2), 0, 1)).toHaveLength(0);
    });
  });

  describe("manifest", () => {
    it.each([0, 1, 4096, 5 * 1024 * KIB + 7])("of %i bytes reads back", async (size) => {
      const [id, manifest] = [testId(1), testBytes(size, 14)];
      await rig.storage.put({ id: id, kind: "manifest" }, [manifest]);
      expectBytes(await readManifest(id), manifest);
      expectBytes(
        await readManifest(id, Math.floor(size / 3)),
        manifest.slice(Math.floor(size / 3)),
      );
      expectBytes(await read(id, 0, size, "medium", "manifest"), manifest);
    });

    it("may be stored again, and is the last one then", async () => {
      const id = testId(1);
      await rig.storage.put({ id: id, kind: "manifest" }, [testBytes(9000, 15)]);
      await rig.storage.put({ id: id, kind: "manifest" }, [testBytes(9000, 15)]);
      expectBytes(await readManifest(id), testBytes(9000, 15));
      await rig.storage.put({ id: id, kind: "manifest" }, [testBytes(50, 16)]);
      expectBytes(await readManifest(id), testBytes(50, 16));
    });

    it("has nothing to do with the bytes", async () => {
      const id = testId(1);
      await rig.storage.put({ id: id, kind: "manifest" }, [testBytes(100, 17)]);
      expect(await read(id, 0, 100)).toHaveLength(0);
      await write(id, 0, testBytes(4096, 18));
      await rig.storage.seal(id, 4000);
      expectBytes(await readManifest(id), testBytes(100, 17));
      expect(await readManifest(testId(2))).toHaveLength(0);
    });
  });

  describe("bytes that are put at once", () => {
    it.each([0, 1, 4097, 65_536, 300_000])("read back, %i of them", async (size) => {
      const [id, bytes] = [testId(1), testBytes(size, 22)];
      await rig.storage.put({ id, kind: "bytes" }, [bytes]);
      await rig.storage.put({ id, kind: "bytes" }, [bytes]);
      expectBytes(await read(id, 0, size + 1), bytes);
      expectBytes(await read(id, 0, size + 1, "medium"), bytes);
      await rig.storage.remove(id);
      expect(await read(id, 0, size)).toHaveLength(0);
    });
  });

  describe("reset", () => {
    it("may be repeated, and the upload goes on", async () => {
      const [id, bytes] = [testId(1), testBytes(SIZE, 19)];
      await writeWhole(id, bytes);
      await rig.storage.flush(id);
      await rig.storage.reset(id);
      await rig.storage.reset(id);
      expectBytes(await read(id, 0, SIZE, "medium"), bytes);
      await write(id, 0, bytes.slice(0, SLOT_SIZE));
      await rig.storage.seal(id, SIZE);
      expectBytes(await read(id, 0, SIZE + 1), bytes);
    });

    it("of nothing is fine", async () => {
      await rig.storage.reset(testId(9));
      expect(await read(testId(9), 0, 1)).toHaveLength(0);
    });
  });

  describe("remove", () => {
    it("takes bytes and manifest, and may be repeated", async () => {
      const id = testId(1);
      await writeWhole(id, testBytes(SIZE, 20));
      await rig.storage.put({ id: id, kind: "manifest" }, [testBytes(100, 21)]);
      await rig.storage.remove(id);
      await rig.storage.remove(id);
      expect(await read(id, 0, SIZE)).toHaveLength(0);
      expect(await readManifest(id)).toHaveLength(0);
    });

    it("takes what is sealed, flushed or in nobody's memory", async () => {
      const [sealed, flushed] = [testId(1), testId(2)];
      await writeWhole(sealed, testBytes(SIZE, 22));
      await rig.storage.seal(sealed, SIZE);
      expect(await read(sealed, 0, 1)).toHaveLength(1);
      await writeWhole(flushed, testBytes(SIZE, 23));
      await rig.storage.flush(flushed);
      await Promise.all([rig.storage.remove(sealed), rig.storage.remove(flushed)]);
      await rig.storage.remove(testId(9));
      for (const id of [sealed, flushed]) {
        expect(await read(id, 0, 1)).toHaveLength(0);
        expect(await read(id, 0, 1, "medium")).toHaveLength(0);
      }
    });

    it("leaves nothing that a later write could bring back", async () => {
      const id = testId(1);
      await writeWhole(id, testBytes(SIZE, 24));
      await rig.storage.remove(id);
      await write(id, SLOT_SIZE, testBytes(4096, 25));
      expectBytes(await read(id, 0, SLOT_SIZE), new Uint8Array(SLOT_SIZE));
    });
  });
}
