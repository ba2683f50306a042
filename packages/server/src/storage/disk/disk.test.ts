// The disk storage passes the contract of every storage: on a real file system, with direct I/O and without, and on the simulated one.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeStorageContract } from "@holdfast/testkit/contracts/storage";
import { createSimFs, type SimFsOptions } from "@holdfast/testkit/sim/fs";
import { expect } from "vitest";
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

async function onDisk(options: Omit<DiskStorageOptions, "directory">) {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-storage-"));
  const storage = await createDiskStorage({ directory, ...options });
  return {
    storage,
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
