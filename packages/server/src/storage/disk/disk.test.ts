// The disk storage passes the contract of every storage: on a real file system, with direct I/O and without, and on the simulated one.
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSlotPool, SLOT_SIZE } from "@holdfast/engine";
import { describeStorageContract } from "@holdfast/testkit/contracts/storage";
import { testBytes, testId } from "@holdfast/testkit/contracts/storage-rig";
import { createSimFs, type SimFsOptions } from "@holdfast/testkit/sim/fs";
import { expect, it } from "vitest";
import { createDiskStorage, type DiskStorage, type DiskStorageOptions } from "./index.ts";

describeStorageContract("disk, direct where it can be", () => onDisk({}));
describeStorageContract("disk, buffered", () => onDisk({ caching: "cached" }));
describeStorageContract("disk, two open files at most", () => onDisk({ openFilesMax: 2 }));
describeStorageContract("simulated disk, direct", () => onSimulatedDisk({}));
describeStorageContract("simulated disk, buffered", () => onSimulatedDisk({ hasDirectIo: false }));
describeStorageContract("simulated disk, short reads and writes", () =>
  onSimulatedDisk({
    onOperation: ({ kind, number, size = 0 }) =>
      (kind === "pwrite" || kind === "pread") && size > 4096 && number % 2 === 0
        ? { kind: "short", size: 4096 * Math.ceil(size / 8192) }
        : undefined,
  }),
);

it("one plain data file and one manifest an upload, for the owner only", async () => {
  const { storage, directory, dispose } = await onDisk({});
  const slot = await createSlotPool(SLOT_SIZE).take();
  slot.memory.set(testBytes(5000, 1));
  await storage.write(testId(1), 0, slot, 5000);
  await storage.seal(testId(1), 5000);
  await storage.put({ id: testId(1), kind: "manifest" }, [testBytes(70, 2)]);
  const names = [`${testId(1)}.bytes`, `${testId(1)}.manifest`];
  expect((await readdir(directory)).sort()).toEqual(names);
  const [bytes, manifest] = await Promise.all(names.map((name) => readFile(join(directory, name))));
  expect(bytes?.equals(testBytes(5000, 1))).toBe(true);
  expect(manifest?.equals(testBytes(70, 2))).toBe(true);
  for (const name of names) expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
  await dispose();
});

async function onDisk(options: Omit<DiskStorageOptions, "directory">) {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-storage-"));
  const storage = await createDiskStorage({ directory, ...options });
  return {
    storage,
    directory,
    dispose: async () => {
      await closeWhole(storage);
      await rm(directory, { recursive: true });
    },
  };
}

async function onSimulatedDisk(options: SimFsOptions) {
  const fs = createSimFs(options);
  const storage = await createDiskStorage({ directory: "/data/bytes", fs });
  return {
    storage,
    dispose: async () => {
      await closeWhole(storage);
      expect(fs.openFiles()).toBe(0);
    },
  };
}

async function closeWhole(storage: DiskStorage): Promise<void> {
  await storage.close();
  expect(storage.openFiles()).toBe(0);
}
