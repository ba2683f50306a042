// What tells one place from another: the same for whoever shares a store, found again, and there also where nothing can be kept.
import { HoldfastError } from "@holdfast/protocol";
import { expect, it } from "vitest";
import { systemDigester, systemRandom } from "./node/platform.ts";
import { placeId } from "./place-id.ts";
import type { CheckpointStore } from "./ports.ts";
import { createDeviceCheckpoints } from "./react-native/checkpoint.ts";
import { memoryStorage } from "./react-native/testing.ts";

const clientOf = (store: CheckpointStore) => {
  const common = { digester: systemDigester, random: systemRandom, lines: new Map() };
  // As in a browser, each transfer has a store of its own over the one.
  return () => placeId({ ...common, checkpoints: { ...store } });
};

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

it("is one for the life of the process where nothing can be kept", async () => {
  const refuse = async () => {
    throw new HoldfastError("checkpoint_failed");
  };
  const store = createDeviceCheckpoints(memoryStorage(), { now: () => 1 });
  const begin = clientOf({ ...store, load: refuse, save: refuse });
  expect(await begin()).toBe(await begin());
});
