// What tells one place from another: the same for whoever shares a store, found again, and there also where nothing can be kept.
import "fake-indexeddb/auto";
import { HoldfastError } from "@holdfast/protocol";
import { afterEach, expect, it } from "vitest";
import { createCheckpointStore, settleIn } from "./browser/checkpoint.ts";
import { createClaims } from "./browser/claims.ts";
import { createDatabase, type Database } from "./browser/database.ts";
import { systemClock, systemDigester, systemRandom } from "./node/platform.ts";
import { createPlace, type Settle, settleAlone } from "./place-id.ts";
import type { CheckpointStore } from "./ports.ts";
import { createDeviceCheckpoints } from "./react-native/checkpoint.ts";
import { memoryStorage } from "./react-native/testing.ts";

const clientOf = (checkpoints: CheckpointStore, settle: Settle = settleAlone(checkpoints)) =>
  createPlace({ checkpoints, digester: systemDigester, random: systemRandom }, settle);

const databases: Database[] = [];
afterEach(() => {
  for (const database of databases.splice(0)) database.close();
});

/** Of a profile's tabs, each with a connection of its own. */
function openTab(profile: string): () => Promise<string> {
  const database = createDatabase(profile, systemClock);
  databases.push(database);
  const claims = createClaims(undefined);
  const checkpoints = createCheckpointStore({ clock: systemClock, claims, database });
  return clientOf(checkpoints, settleIn(database, systemClock));
}

it("is one for transfers that begin together, and the same after a restart", async () => {
  const storage = memoryStorage();
  const open = () => clientOf(createDeviceCheckpoints(storage, { now: () => 1 }));
  const begin = open();
  const [first, ...others] = await Promise.all(Array.from({ length: 64 }, begin));
  expect(new Set(others)).toEqual(new Set([first]));
  expect(await open()()).toBe(first);
  expect(await clientOf(createDeviceCheckpoints(memoryStorage(), { now: () => 1 }))()).not.toBe(
    first,
  );
});

it("is one for tabs of a profile that open for the first time at the same instant", async () => {
  const tabs = Array.from({ length: 8 }, () => openTab("new"));
  const [first, ...others] = await Promise.all(tabs.map((find) => find()));
  expect(new Set(others)).toEqual(new Set([first]));
  expect(await openTab("new")()).toBe(first);
  expect(await openTab("another")()).not.toBe(first);
});

it("takes the place of what was damaged, once for all", async () => {
  const store = createDeviceCheckpoints(memoryStorage(), { now: () => 1 });
  const place = await clientOf(store)();
  const [kept] = await store.list();
  await store.save(kept?.key ?? "", (kept?.value ?? "").replace(place, "f".repeat(32)));
  const next = await clientOf(store)();
  expect(next).not.toBe("f".repeat(32));
  expect(await clientOf(store)()).toBe(next);
});

it("is one for the life of the process where nothing can be kept", async () => {
  const refuse = async () => {
    throw new HoldfastError("checkpoint_failed");
  };
  const store = createDeviceCheckpoints(memoryStorage(), { now: () => 1 });
  const find = clientOf({ ...store, load: refuse, save: refuse });
  expect(await find()).toBe(await find());
});
