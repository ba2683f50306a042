// Staged places on S3: how their parts become one object, whatever the store can do and wherever that is cut.
import { randomBytes } from "node:crypto";
import type { BoundPart, PartStorage, Place } from "@holdfast/engine";
import { KIB } from "@holdfast/protocol";
import { inMemory, partOf } from "@holdfast/testkit/contracts/part-storage-rig";
import { testId } from "@holdfast/testkit/contracts/storage-rig";
import { type S3Double, startS3Double } from "@holdfast/testkit/s3-double/server";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock, systemRandom } from "../../platform.ts";
import type { S3Calls } from "./calls.ts";
import { createAwsCalls, createS3Storage } from "./index.ts";

const PART = 64 * KIB;
const content = new Uint8Array(randomBytes(2 * PART + 1000));

const ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

interface World {
  readonly double: S3Double;
  readonly calls: S3Calls;
  open(calls?: S3Calls): PartStorage;
}

async function makeWorld(options: Parameters<typeof startS3Double>[0] = {}): Promise<World> {
  // Small parts, so that cutting it everywhere takes no time.
  const instead = { partSizeMin: PART, ...options.instead };
  const double = await startS3Double({ ...options, instead });
  const { endpoint, bucketName: bucket, credentials } = double;
  const calls = createAwsCalls({ bucket, region: "us-east-1", endpoint, credentials });
  ends.push(calls.close, double.close);
  const platform = { clock: systemClock, random: systemRandom };
  return {
    double,
    calls,
    open: (own = calls) => createS3Storage({ calls: own, ...platform, prefix: "ours/" }),
  };
}

const parts: readonly BoundPart[] = [0, 1, 2].map((index) => partOf(index, bytesOf(index)));

function bytesOf(index: number): Uint8Array {
  return content.subarray(index * PART, (index + 1) * PART);
}

async function staged(storage: PartStorage): Promise<Place> {
  const place = await storage.begin(testId(1), "video/mp4", undefined, "staged");
  for (const part of parts) await storage.putPart(place, part, inMemory(bytesOf(part.index)));
  return place;
}

async function read(storage: PartStorage, place: Place): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  const range = { start: 0, end: content.length + 1 };
  for await (const piece of storage.objects.read({ kind: "bytes", place }, range)) {
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** Keys of objects without what differs between two runs, and multipart uploads that have not ended. */
function left({ double: { bucket } }: World): readonly unknown[] {
  const keys = [...bucket.objects.keys()].map((key) => key.replace(/staged-[0-9a-f]+/, "staged"));
  return [keys, bucket.multiparts.size];
}

/** Parts go beside whoever has had them made one object. */
async function expectLeft(
  world: World,
  expected: readonly unknown[],
  when?: string,
): Promise<void> {
  await expect.poll(() => left(world), { message: when ?? "" }).toEqual(expected);
}

const WHOLE = [[`ours/bytes/${testId(1)}/staged`], 0];

describe("the parts of a staged place", () => {
  it("are copied by the store, which sends no byte of them, and get the type of the upload", async () => {
    const world = await makeWorld();
    const storage = world.open();
    const place = await staged(storage);
    await storage.assemble(place, parts);
    const { counts, bucket } = world.double;
    expect([counts.get("copy-part"), counts.get("part"), counts.get("get")]).toEqual([
      ...[3, undefined, undefined],
    ]);
    const object = [...bucket.objects.values()].find(({ key }) => key.includes("/bytes/"));
    expect(object?.headers.get("content-type")).toBe("video/mp4");
    expect((await read(storage, place)).equals(content)).toBe(true);
    await expectLeft(world, WHOLE);
  });

  it.each([
    ["that cannot copy", { instead: { canCopyPart: false } }, true],
    ["without checksums", { profile: "gcs" }, false],
    ["without either", { profile: "gcs", instead: { canCopyPart: false } }, false],
    ["that overlooks checksums", { profile: "ceph" }, true],
    ["that digests no copies", { profile: "minio" }, true],
  ] as const)("become one object in a store %s", async (_, options, hasChecksums) => {
    const world = await makeWorld(options);
    const { endpoint, bucketName: bucket, credentials } = world.double;
    const where = { bucket, region: "us-east-1", endpoint, credentials };
    const calls = createAwsCalls({ ...where, hasChecksums });
    ends.push(calls.close);
    const storage = world.open(calls);
    const place = await staged(storage);
    await storage.assemble(place, parts);
    expect((await read(storage, place)).equals(content)).toBe(true);
    await expectLeft(world, WHOLE);
  });

  it.each([
    ["copies", {}],
    ["cannot copy", { instead: { canCopyPart: false } }],
    ["digests no copies", { profile: "minio" }],
  ] as const)(
    "are missing where a store that %s has spoiled one, and it is taken again",
    async (_, options) => {
      const world = await makeWorld(options);
      const storage = world.open();
      const place = await staged(storage);
      const key = [...world.double.bucket.objects.keys()].find((each) => each.endsWith("/1"));
      await world.calls.objects.put(key ?? "", bytesOf(0), { type: "a/b" });
      await expect(storage.assemble(place, parts)).rejects.toMatchObject({
        code: "parts_missing",
        details: { missing: [[1, 2]] },
      });
      await storage.putPart(place, parts[1] ?? partOf(1, bytesOf(1)), inMemory(bytesOf(1)));
      await storage.assemble(place, parts);
      expect((await read(storage, place)).equals(content)).toBe(true);
      await expectLeft(world, WHOLE);
    },
  );
});

it("an attempt that another one was quicker than leaves nothing", async () => {
  const world = await makeWorld();
  const begun = Promise.withResolvers<void>();
  const quicker = Promise.withResolvers<void>();
  let calls = 0;
  const slow = eachCall(world.calls, async (call) => {
    // Its object is not there, and nobody is at it.
    if (++calls === 3) await begun.promise;
    if (calls === 4) await quicker.promise;
    return call();
  });
  let lists = 0;
  const quick = eachCall(world.calls, async (call) => {
    const answer = await call();
    // The other one begins where this one has seen nobody.
    if (++lists === 2) begun.resolve();
    return answer;
  });
  const place = await staged(world.open());
  const late = world.open(slow).assemble(place, parts);
  await world.open(quick).assemble(place, parts);
  quicker.resolve();
  await late;
  expect((await read(world.open(), place)).equals(content)).toBe(true);
  await expectLeft(world, WHOLE);
});

describe.each([
  ["at once", {}, [1, undefined]],
  ["one by one where the store cannot", { profile: "gcs" }, [1, 12]],
] as const)("many objects of an upload", (how, options, counts) => {
  it(`are removed ${how}`, async () => {
    const world = await makeWorld(options);
    const { objects } = world.open();
    const id = testId(1);
    for (let count = 0; count < 12; count++) {
      await objects.put({ kind: "tail", id, name: `${count}` }, bytesOf(2));
    }
    await objects.removeAll(id);
    const asked = world.double.counts;
    expect([asked.get("delete-many"), asked.get("delete")]).toEqual(counts);
    expect(left(world)).toEqual([[], 0]);
  });
});

describe("what was staged", () => {
  it("is waited for by nobody, and is listed for the sweep where it stays", async () => {
    const world = await makeWorld();
    const { objects } = world.calls;
    const stuck = {
      ...world.calls,
      objects: { ...objects, delete: () => new Promise<never>(() => undefined) },
    };
    const place = await staged(world.open());
    await world.open(stuck).assemble(place, parts);
    const storage = world.open();
    expect((await read(storage, place)).equals(content)).toBe(true);
    const kinds: string[] = [];
    for await (const { object } of storage.objects.list()) kinds.push(object.kind);
    expect(kinds.sort()).toEqual(["bytes", "part", "part", "part"]);
    await storage.discard(place);
    await expectLeft(world, [[], 0]);
  });

  it("stays where somebody has removed the object by hand before", async () => {
    const world = await makeWorld();
    const place = await staged(world.open());
    const { objects } = world.calls;
    const asleep = Promise.withResolvers<void>();
    const woken = Promise.withResolvers<void>();
    const list: typeof objects.list = async (...asked) => {
      asleep.resolve();
      await woken.promise;
      return objects.list(...asked);
    };
    await world.open({ ...world.calls, objects: { ...objects, list } }).assemble(place, parts);
    await asleep.promise;
    const [key = ""] = [...world.double.bucket.objects.keys()].filter((one) =>
      one.includes("/bytes/"),
    );
    await objects.delete(key);
    const heads = world.double.counts.get("head") ?? 0;
    woken.resolve();
    await expect.poll(() => world.double.counts.get("head")).toBe(heads + 1);
    const storage = world.open();
    await storage.assemble(place, parts);
    expect((await read(storage, place)).equals(content)).toBe(true);
  });
});

describe("an attempt that is cut", () => {
  it("at any call is gone on with by the next, or removed with the upload", async () => {
    const world = await makeWorld();
    const all = await cutAt(world, Number.POSITIVE_INFINITY, "assemble");
    expect(all).toBeGreaterThan(10);
    for (let last = 1; last <= all; last++) {
      await cutAt(world, last, "assemble");
      await cutAt(world, last, "discard");
    }
  }, 120_000);

  /** Assembles until call `last`, which is never answered although it may have happened; then another process assembles, or discards. */
  async function cutAt(world: World, last: number, then: "assemble" | "discard"): Promise<number> {
    const { promise: died, resolve: die } = Promise.withResolvers<void>();
    let count = 0;
    const dying = eachCall(world.calls, async (call) => {
      count++;
      if (count < last) return call();
      if (count === last) await call();
      die();
      return new Promise<never>(() => undefined);
    });
    const place = await staged(world.open());
    const assembled = world.open(dying).assemble(place, parts);
    await Promise.race([assembled, died]);
    const storage = world.open();
    if (then === "assemble") {
      await storage.assemble(place, parts);
      expect((await read(storage, place)).equals(content), `call ${last}`).toBe(true);
      await expectLeft(world, WHOLE, `call ${last}`);
    }
    await storage.discard(place);
    await expectLeft(world, [[], 0], `call ${last}`);
    return count;
  }

  it("is found a day later by the sweep of places, which leaves the object of another attempt", async () => {
    const world = await makeWorld();
    const storage = world.open();
    const place = await staged(storage);
    await storage.assemble(place, parts);
    await expectLeft(world, WHOLE);
    const [key = ""] = world.double.bucket.objects.keys();
    await world.calls.multipart.create(key, { type: "a/b" });
    const found: Place[] = [];
    for await (const one of storage.unfinished(Date.now() + 60_000)) found.push(one.place);
    expect(found).toHaveLength(1);
    expect(found).not.toContain(place);
    for (const one of found) await storage.discard(one);
    expect((await read(storage, place)).equals(content)).toBe(true);
    await expectLeft(world, WHOLE);
  });
});

type Meet = <T>(call: () => Promise<T>) => Promise<T>;

/** The same calls, each one met. */
function eachCall({ multipart, objects, ...calls }: S3Calls, meet: Meet): S3Calls {
  return {
    ...calls,
    multipart: {
      ...multipart,
      create: (key, headers) => meet(() => multipart.create(key, headers)),
      copy: (part) => meet(() => multipart.copy(part)),
      complete: (upload, named) => meet(() => multipart.complete(upload, named)),
      abort: (upload) => meet(() => multipart.abort(upload)),
      parts: (upload, after, most) => meet(() => multipart.parts(upload, after, most)),
      list: (prefix, after) => meet(() => multipart.list(prefix, after)),
    },
    objects: {
      ...objects,
      head: (key) => meet(() => objects.head(key)),
      delete: (key) => meet(() => objects.delete(key)),
      list: (prefix, after) => meet(() => objects.list(prefix, after)),
    },
  };
}
