// Checkpoints in an app's storage keep to what every checkpoint store keeps to.
import { describe, expect, it } from "vitest";
import { CHECKPOINT_CLAUSES, TODAY } from "../testing/checkpoint-contract.ts";
import { createDeviceCheckpoints } from "./checkpoint.ts";
import { memoryStorage } from "./testing.ts";

describe("what every checkpoint store keeps to", () => {
  it.each(CHECKPOINT_CLAUSES)("$name", async ({ check }) => {
    const storage = memoryStorage();
    await check((now = () => TODAY) => createDeviceCheckpoints(storage, { now }));
  });
});

it("leaves the app's own entries alone, and passes over what is none of ours", async () => {
  const storage = memoryStorage();
  await storage.setItem("theme", "dark");
  await storage.setItem("holdfast/x", "{torn");
  const told: string[] = [];
  const store = createDeviceCheckpoints(storage, { now: () => TODAY });
  expect(await store.load("x")).toBe(undefined);
  store.onDamage((detail) => told.push(detail));
  expect(told).toEqual(["the checkpoint x is none of ours and is passed over"]);
  await store.save("y", "1");
  expect((await store.list()).map(({ key }) => key)).toEqual(["y"]);
  await store.remove("y");
  expect([...storage.entries.keys()]).toEqual(["theme", "holdfast/x"]);
});

it("has changes of one key go one after another, though the storage is slower with the first", async () => {
  const { promise: held, resolve } = Promise.withResolvers<void>();
  const storage = memoryStorage();
  const { setItem } = storage;
  let calls = 0;
  const slow = {
    ...storage,
    async setItem(key: string, value: string) {
      calls++;
      if (calls === 1) await held;
      await setItem(key, value);
    },
  };
  const store = createDeviceCheckpoints(slow, { now: () => TODAY });
  const first = store.save("k", "first");
  const second = store.save("k", "second");
  expect(await store.load("k")).toBe("second");
  resolve();
  await Promise.all([first, second]);
  expect(await createDeviceCheckpoints(storage, { now: () => TODAY }).load("k")).toBe("second");
});

it("keeps what is saved while what was too old of the same key is removed", async () => {
  const storage = memoryStorage();
  const DAY_MS = 24 * 60 * 60 * 1000;
  const old = { value: "old", savedAt: TODAY - 40 * DAY_MS, doubtedAt: TODAY - 5 * DAY_MS };
  await storage.setItem("holdfast/k", JSON.stringify(old));
  const { getItem, setItem } = storage;
  let saved: Promise<void> | undefined;
  const slow = {
    ...storage,
    async getItem(key: string) {
      const found = await getItem(key);
      saved ??= store.save("k", "fresh");
      return found;
    },
    async setItem(key: string, value: string) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      await setItem(key, value);
    },
  };
  const store = createDeviceCheckpoints(slow, { now: () => TODAY });
  await store.list();
  await saved;
  expect(await createDeviceCheckpoints(storage, { now: () => TODAY }).load("k")).toBe("fresh");
});
