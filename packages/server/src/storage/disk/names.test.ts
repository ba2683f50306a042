// A name that an earlier process has made counts only once it was made anew; nobody misses the file meanwhile.
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSlotPool, SLOT_SIZE, type Slot } from "@holdfast/engine";
import { testId } from "@holdfast/testkit/contracts/storage-rig";
import { createSimFs, type Fate, type Operation, type SimFs } from "@holdfast/testkit/sim/fs";
import { beforeEach, describe, expect, it } from "vitest";
import type { Fs } from "./fs.ts";
import { createDiskStorage, type DiskStorage } from "./index.ts";
import { makeAnew, withNames } from "./names.ts";
import { nodeFs } from "./node-fs.ts";

const DIRECTORY = "/data/bytes";
const ID = testId(1);
const PATH = `${DIRECTORY}/${ID}.bytes`;
const AWAY = `${DIRECTORY}/away/${ID}.bytes`;
const BYTES = { id: ID, kind: "bytes" } as const;
const POWER_LOSSES = 40;

let slot: Slot;
beforeEach(async () => {
  slot = await createSlotPool(SLOT_SIZE).take();
  slot.memory.fill(7);
});

/** A server that has written, whose flush of the directory fails, and that is killed. */
async function killedAfterFailedFlush(): Promise<SimFs> {
  const fails = ({ kind }: Operation): Fate | undefined =>
    kind === "fsyncDir" ? { kind: "failed", errno: "EIO" } : undefined;
  const disk = createSimFs({ onOperation: fails });
  const storage = await createDiskStorage({ directory: DIRECTORY, fs: disk });
  await storage.write(ID, 0, slot, 4096);
  await expect(storage.flush(ID)).rejects.toMatchObject({ code: "storage_failed" });
  return disk.kill(1, { onOperation: () => undefined });
}

/** In how many of the images after power loss the first bytes are there. */
async function kept(disk: SimFs): Promise<number> {
  let count = 0;
  for (let seed = 0; seed < POWER_LOSSES; seed++) {
    const storage = await createDiskStorage({ directory: DIRECTORY, fs: disk.crash(seed) });
    const into = new Uint8Array(4096);
    if ((await storage.read(BYTES, 0, into)) === 4096 && into.every((byte) => byte === 7)) count++;
  }
  return count;
}

describe("what a process finds whose predecessor could not flush the directory", () => {
  it.each<[string, (storage: DiskStorage) => Promise<void>]>([
    [
      "a write and its flush",
      async (storage) => {
        await storage.write(ID, 4096, slot, 4096);
        await storage.flush(ID);
      },
    ],
    ["a seal", (storage) => storage.seal(ID, 4096)],
  ])("is there after every power loss that follows %s", async (_, work) => {
    const disk = await killedAfterFailedFlush();
    await work(await createDiskStorage({ directory: DIRECTORY, fs: disk }));
    expect(await kept(disk)).toBe(POWER_LOSSES);
  });

  it("is not, by a flush alone", async () => {
    const disk = await killedAfterFailedFlush();
    const file = await disk.open(PATH, "write", "cached");
    await file.fdatasync();
    await disk.fsyncDir(DIRECTORY);
    expect(await kept(disk)).toBe(0);
  });

  it("holds for a manifest that is written again", async () => {
    const manifest = { id: ID, kind: "manifest" } as const;
    const disk = await killedAfterFailedFlush();
    const path = `${DIRECTORY}/${ID}.manifest`;
    await (await disk.open(path, "create", "cached")).close();
    await disk.fsyncDir(DIRECTORY);
    const storage = await createDiskStorage({ directory: DIRECTORY, fs: disk });
    const before = disk.operations();
    await storage.put(manifest, [Uint8Array.of(1)]);
    expect(disk.names()).toContain(path);
    // Opened, written, cut, flushed, closed, made anew by three, the directory flushed.
    expect(disk.operations() - before).toBe(9);
  });
});

describe("a file between its names", () => {
  it("has its own again after the next start", async () => {
    const disk = await killedAfterFailedFlush();
    await disk.rename(PATH, AWAY);
    await createDiskStorage({ directory: DIRECTORY, fs: disk });
    expect(disk.names()).toContain(PATH);
    expect(disk.names()).not.toContain(AWAY);
  });

  it("stands back behind another that was begun under the name", async () => {
    const disk = await killedAfterFailedFlush();
    await disk.rename(PATH, AWAY);
    const newer = await disk.open(PATH, "create", "cached");
    await newer.pwrite([Uint8Array.of(9)], 0);
    const storage = await createDiskStorage({ directory: DIRECTORY, fs: disk });
    expect(disk.names()).not.toContain(AWAY);
    const into = new Uint8Array(1);
    await storage.read(BYTES, 0, into);
    expect(into[0]).toBe(9);
  });

  it("is found by whoever opens it meanwhile, on the real file system", async () => {
    const place = await mkdtemp(join(tmpdir(), "holdfast-names-"));
    const path = join(place, "file");
    await writeFile(path, "here");
    const named = withNames(nodeFs);
    for (let time = 0; time < 200; time++) {
      const opening = Array.from({ length: 3 }, () => named.open(path, "read", "cached"));
      const [, ...files] = await Promise.all([makeAnew(nodeFs, path), ...opening]);
      for (const file of files) await file.close();
    }
    await (await open(path)).close();
    await rm(place, { recursive: true });
  });

  it("is not made again where it cannot be moved back", async () => {
    const disk = await killedAfterFailedFlush();
    await disk.rename(PATH, AWAY);
    const fs: Fs = {
      ...disk,
      rename: () => Promise.reject(Object.assign(new Error(), { code: "EIO" })),
    };
    await expect(withNames(fs).open(PATH, "read", "cached")).rejects.toMatchObject({ code: "EIO" });
    await expect(createDiskStorage({ directory: DIRECTORY, fs })).rejects.toMatchObject({
      code: "data_dir_unusable",
    });
  });
});

it("the real file system says whether it has made a file", async () => {
  const place = await mkdtemp(join(tmpdir(), "holdfast-names-"));
  const path = join(place, "file");
  for (const [access, isNew] of [
    ["create", true],
    ["create", false],
    ["write", false],
  ] as const) {
    const file = await nodeFs.open(path, access, "cached");
    expect(file.isNew).toBe(isNew);
    await file.close();
  }
  await rm(place, { recursive: true });
});
