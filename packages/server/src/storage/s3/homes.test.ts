// Several storages as one: whatever belongs to a home is there and nowhere else, and what one of them cannot take none gets.
import type { Home, PartStorage, PlacedObject } from "@holdfast/engine";
import { describePartStorageContract } from "@holdfast/testkit/contracts/part-storage";
import { type S3Double, startS3Double } from "@holdfast/testkit/s3-double/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock, systemRandom } from "../../platform.ts";
import { joinHomes } from "./homes.ts";
import { createAwsCalls, createS3Storage } from "./index.ts";

const EU = "eu" as Home;
const US = "us" as Home;
const platform = { clock: systemClock, random: systemRandom };

function storageIn({ endpoint, bucketName: bucket, credentials }: S3Double, home?: Home) {
  const calls = createAwsCalls({ bucket, region: "us-east-1", endpoint, credentials });
  return { calls, storage: createS3Storage({ calls, ...platform, prefix: "ours/", home }) };
}

/** As the engine asks for an upload of this home. */
function inHome(storage: PartStorage, home: Home): PartStorage {
  const { objects } = storage;
  const homed = (object: PlacedObject): PlacedObject =>
    "place" in object ? object : { ...object, home };
  return {
    ...storage,
    begin: (id, type, _, form) => storage.begin(id, type, home, form),
    objects: {
      ...objects,
      read: (object, range) => objects.read(homed(object), range),
      put: (object, bytes) => objects.put(homed(object), bytes),
      remove: (object) => objects.remove(homed(object)),
      removeTails: (id, isSpent) => objects.removeTails(id, isSpent, home),
      removeAll: (id) => objects.removeAll(id, home),
    },
  };
}

let main: S3Double;
let eu: S3Double;
beforeAll(async () => {
  main = await startS3Double();
  eu = await startS3Double();
});
afterAll(async () => {
  await main.close();
  await eu.close();
});

describePartStorageContract("one of several on S3", async () => {
  const [first, second] = [storageIn(main), storageIn(eu, EU)];
  const named = new Map([[EU, second.storage]]);
  const joined = joinHomes({ main: first.storage, named, rules: new Map() });
  return {
    storage: inHome(joined, EU),
    async bring({ url, method, headers }, bytes) {
      const body = bytes.slice();
      const { ok } = await fetch(url, { method, headers: { ...headers }, body });
      return ok;
    },
    async dispose() {
      first.calls.close();
      second.calls.close();
      eu.bucket.objects.clear();
      eu.bucket.multiparts.clear();
      // The other one is asked what it has of anybody's, and of these uploads never.
      expect(main.asked.filter((asked) => !asked.startsWith("list-"))).toEqual([]);
    },
  };
});

describe("several storages", () => {
  it("are chosen by tenant, and known by name", async () => {
    const [{ storage }, other] = [storageIn(main), storageIn(eu, EU)];
    const rules = new Map([["acme", EU]]);
    const joined = joinHomes({ main: storage, named: new Map([[EU, other.storage]]), rules });
    expect([joined.homeOf("acme"), joined.homeOf("others")]).toEqual([EU, undefined]);
    const id = "aaaaaaaaaaaaaaaaaaaaaaaaaa" as never;
    const unknown = { code: "storage_failed", message: expect.stringContaining("storage us") };
    await expect(joined.begin(id, "a/b", US)).rejects.toMatchObject(unknown);
    await expect(joined.objects.removeAll(id, US)).rejects.toMatchObject(unknown);
    const place = await storageIn(eu, US).storage.begin(id, "a/b");
    await expect(joined.listed(place, 0, 1)).rejects.toMatchObject(unknown);
    await expect(joined.discard(place)).rejects.toMatchObject(unknown);
    expect(() => joined.objects.read({ kind: "bytes", place }, { start: 0, end: 1 })).toThrow(
      /storage us/,
    );
  });

  it("are all looked through, also where one does not answer", async () => {
    const [first, second] = [storageIn(main), storageIn(eu, EU)];
    const away = {
      ...first.storage,
      unfinished(): never {
        throw new Error("away");
      },
    };
    const named = new Map([[EU, second.storage]]);
    const joined = joinHomes({ main: away, named, rules: new Map() });
    const place = await joined.begin("caaaaaaaaaaaaaaaaaaaaaaaaa" as never, "a/b", EU);
    const found: unknown[] = [];
    const look = async () => {
      for await (const one of joined.unfinished(Date.now() + 60_000)) found.push(one.place);
    };
    await expect(look()).rejects.toThrow("away");
    expect(found).toContain(place);
  });

  it("take what all of them take", () => {
    const [{ storage }, other] = [storageIn(main), storageIn(eu, EU)];
    const little = {
      ...other.storage,
      transfer: "server" as const,
      limits: { ...other.storage.limits, partCountMax: 1000, sizeMax: 4096 },
    };
    const joined = joinHomes({ main: storage, named: new Map([[EU, little]]), rules: new Map() });
    expect(joined.transfer).toBe("server");
    expect(joined.limits).toEqual({ ...storage.limits, partCountMax: 1000, sizeMax: 4096 });
  });
});
