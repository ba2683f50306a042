import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { deleteDB, openDB } from "idb";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../node/platform.ts";
import type { CheckpointStore } from "../ports.ts";
import { CHECKPOINT_CLAUSES, type OpenStore, TODAY } from "../testing/checkpoint-contract.ts";
import { createCheckpointStore } from "./checkpoint.ts";
import { createClaims } from "./claims.ts";
import { createDatabase } from "./database.ts";

const NAME = "holdfast";
const stores: CheckpointStore[] = [];

const open: OpenStore = (now = () => TODAY) => {
  const clock = { ...systemClock, now };
  const database = createDatabase(NAME, clock);
  const store = createCheckpointStore({ clock, claims: createClaims(navigator.locks), database });
  stores.push(store);
  return store;
};

beforeEach(() => {
  vi.stubGlobal("indexedDB", new IDBFactory());
});
afterEach(() => {
  for (const store of stores.splice(0)) store.close();
  vi.unstubAllGlobals();
});

describe("checkpoints in IndexedDB", () => {
  it.each(CHECKPOINT_CLAUSES)("$name", ({ check }) => check(open));

  it("are flushed, and many that come at once by few flushes", async () => {
    const store = open();
    await store.load("k");
    const begun: unknown[] = [];
    const begin = IDBDatabase.prototype.transaction;
    vi.spyOn(IDBDatabase.prototype, "transaction").mockImplementation(function (
      this: IDBDatabase,
      ...how
    ) {
      begun.push(how[2]);
      return begin.apply(this, how);
    });
    await Promise.all(Array.from({ length: 1000 }, (_, at) => store.save(`${at}`, "v")));
    vi.restoreAllMocks();
    expect(begun.length).toBeLessThanOrEqual(2);
    for (const how of begun) expect(how).toEqual({ durability: "strict" });
  });

  it("pass over what is none of theirs, and name it", async () => {
    await open().save("ours", "v");
    const raw = await openDB(NAME, 1);
    await raw.put("checkpoints", { key: "theirs", value: { any: "thing" }, savedAt: "now" });
    raw.close();
    const store = open();
    const told: string[] = [];
    expect(await store.load("theirs")).toBeUndefined();
    store.onDamage((detail) => told.push(detail));
    expect((await store.list()).map(({ key }) => key)).toEqual(["ours"]);
    expect(told).toHaveLength(2);
    for (const detail of told) expect(detail).toContain("theirs");
  });

  it("go on in a database of their own after what the site keeps was removed", async () => {
    const store = open();
    await store.save("k", "v");
    await deleteDB(NAME);
    expect(await store.load("k")).toBeUndefined();
    await store.save("k", "w");
    expect(await open().load("k")).toBe("w");
  });

  it("make room for a newer version, and say so from then on", async () => {
    const store = open();
    await store.save("k", "v");
    const newer = await openDB(NAME, 2);
    await expect(store.load("k")).rejects.toMatchObject({ code: "checkpoint_failed" });
    await expect(store.load("k")).rejects.toThrow("a newer version");
    newer.close();
  });

  it("say that a database of the same name is somebody else's, and leave it", async () => {
    const theirs = await openDB(NAME, 1, { upgrade: (db) => void db.createObjectStore("things") });
    await theirs.put("things", "kept", "key");
    await expect(open().save("k", "v")).rejects.toThrow("something else has taken the name");
    expect(await theirs.get("things", "key")).toBe("kept");
    theirs.close();
  });
});

describe("where the browser keeps nothing", () => {
  it.each([
    ["there is no IndexedDB", undefined, "keeps nothing for sites"],
    ["it is blocked", blocked(), "lets this site keep nothing"],
  ])("checkpoints are in memory and each save says so: %s", async (_, factory, why) => {
    vi.stubGlobal("indexedDB", factory);
    if (factory === undefined) Reflect.deleteProperty(globalThis, "indexedDB");
    const store = open();
    await expect(store.load("k")).rejects.toThrow(why);
    for (const value of ["first", "second"]) {
      await expect(store.save("k", value)).rejects.toMatchObject({ code: "checkpoint_failed" });
      expect(await store.load("k")).toBe(value);
    }
    expect((await store.list()).map(({ key }) => key)).toEqual(["k"]);
    await store.remove("k");
    await expect(store.load("k")).rejects.toThrow(why);
    await expect(store.list()).rejects.toThrow(why);
  });

  it("what does not fit is kept in memory, in place of what there was before", async () => {
    const store = open();
    await store.save("k", "small");
    const full = vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(() => {
      throw new DOMException("full", "QuotaExceededError");
    });
    await expect(store.save("k", "large")).rejects.toThrow("no room left");
    await expect(store.save("l", "large")).rejects.toMatchObject({
      code: "checkpoint_failed",
      details: { cause: "QuotaExceededError" },
    });
    expect(await store.load("k")).toBe("large");
    expect((await store.list()).map(({ key, value }) => [key, value])).toEqual([
      ["k", "large"],
      ["l", "large"],
    ]);
    expect(await open().load("k")).toBe("small");
    full.mockRestore();
    await store.save("k", "fits");
    expect(await open().load("k")).toBe("fits");
  });

  it("nobody waits for a database that never answers longer than once", async () => {
    const asked = Promise.withResolvers<IDBOpenDBRequest>();
    vi.stubGlobal("indexedDB", {
      open: () => {
        const request = new IDBOpenDBRequest();
        asked.resolve(request);
        return request;
      },
    });
    const waits: (() => void)[] = [];
    const after = (_: number, task: () => void) => {
      waits.push(task);
      return () => undefined;
    };
    const clock = { now: () => 1, after };
    const database = createDatabase(NAME, clock);
    const store = createCheckpointStore({ clock, claims: createClaims(undefined), database });
    const first = store.load("k");
    await asked.promise;
    for (const task of waits) task();
    await expect(first).rejects.toThrow("does not answer");
    await expect(store.save("k", "v")).rejects.toThrow("does not answer");
    expect(await store.load("k")).toBe("v");
    expect(waits).toHaveLength(1);
  });

  it("a database that answered late is used again", async () => {
    const waits = new Set<() => void>();
    const after = (_: number, task: () => void) => {
      waits.add(task);
      return () => waits.delete(task);
    };
    const database = createDatabase(NAME, { now: () => TODAY, after });
    await database.use(async () => undefined);
    const slow = Promise.withResolvers<void>();
    const late = database.use(() => slow.promise);
    await vi.waitFor(() => expect(waits.size).toBe(1));
    for (const task of waits) task();
    await expect(late).rejects.toThrow("does not answer");
    await expect(database.use(async () => "early")).rejects.toThrow("does not answer");
    slow.resolve();
    await vi.waitFor(async () => expect(await database.use(async () => "again")).toBe("again"));
    database.close();
  });

  it("what is too old to be of use stays where it cannot be removed, and the rest is used", async () => {
    const old = open(() => 1);
    await old.save("old", "v");
    // Here it seems too old for the first time.
    await open(() => TODAY - 5 * 24 * 60 * 60 * 1000).load("old");
    const full = vi.spyOn(IDBCursor.prototype, "delete").mockImplementation(() => {
      throw new DOMException("full", "QuotaExceededError");
    });
    const store = open();
    await store.save("k", "v");
    expect(full).toHaveBeenCalled();
    full.mockRestore();
    expect(await store.load("k")).toBe("v");
  });
});

function blocked(): object {
  return {
    open: () => {
      throw new DOMException("denied", "SecurityError");
    },
  };
}
