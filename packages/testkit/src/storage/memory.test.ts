// The storage in memory passes the contract of every storage.
import { createSlotPool, SLOT_SIZE } from "@holdfast/engine";
import { expect, it } from "vitest";
import { describeStorageContract } from "../contracts/storage.ts";
import { testId } from "../contracts/storage-rig.ts";
import { createMemoryStorage } from "./memory.ts";

describeStorageContract("memory", async () => ({
  storage: createMemoryStorage(),
  dispose: async () => undefined,
}));

it("has as much room as it is given", async () => {
  const storage = createMemoryStorage({ capacity: 10_000 });
  const slot = await createSlotPool(SLOT_SIZE).take();
  await storage.write(testId(1), 0, slot, 8192);
  expect(await storage.room()).toBe(1808);
  await expect(storage.write(testId(1), 8192, slot, 4096)).rejects.toMatchObject({
    code: "storage_full",
  });
  await storage.write(testId(1), 0, slot, 8192);
  await storage.remove(testId(1));
  expect(await storage.room()).toBe(10_000);
});
