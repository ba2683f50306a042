// Places whose parts can be read as soon as they are stored, and become one object in the end.
import type { ListedObject, PartStorage, Place, PlacedObject } from "@holdfast/engine";
import { describe, expect, it } from "vitest";
import { inMemory, type PartRig, partOf, streamed, type TwoParts } from "./part-storage-rig.ts";
import { expectBytes, expectCode, testBytes, testId } from "./storage-rig.ts";

export function describeStaged(rig: PartRig): void {
  describe("a staged place", () => {
    const begin = () => rig.storage.begin(testId(1), "text/plain", undefined, "staged");

    /** A part of the least size in it and a short one. */
    async function twoParts(): Promise<TwoParts> {
      const { storage } = rig;
      const place = await begin();
      const size = storage.limits.partSizeMin;
      const bytes = testBytes(size + 1000, 1);
      const halves = [bytes.subarray(0, size), bytes.subarray(size)] as const;
      const parts = [partOf(0, halves[0]), partOf(1, halves[1])] as const;
      await storage.putPart(place, parts[0], streamed(halves[0]));
      await storage.putPart(place, parts[1], inMemory(halves[1]));
      return { place, parts, bytes };
    }

    it("is told from others, and asks nothing of the store before there is a part", async () => {
      const [place, other] = [await begin(), await rig.begin()];
      const { objects } = rig.storage;
      expect([objects.isStaged(place), objects.isStaged(other)]).toEqual([true, false]);
      expect(await begin()).not.toBe(place);
      expect(await rig.read(place, 0, 1)).toHaveLength(0);
      expect(await read(rig.storage, { kind: "part", place, index: 0 })).toHaveLength(0);
      await rig.storage.discard(place);
    });

    it("has parts that are read at once, and no others", async () => {
      const { place, bytes } = await twoParts();
      const size = rig.storage.limits.partSizeMin;
      const part = (index: number) => ({ kind: "part", place, index }) as const;
      expectBytes(await read(rig.storage, part(1)), bytes.subarray(size));
      expectBytes(await read(rig.storage, part(0), 100, 300), bytes.subarray(100, 300));
      expect(await read(rig.storage, part(2))).toHaveLength(0);
      expect(await rig.read(place, 0, 1)).toHaveLength(0);
    });

    it("keeps no bytes that do not have their digest", async () => {
      const place = await begin();
      const part = partOf(0, testBytes(1000, 1));
      for (const bodyOf of [inMemory, streamed]) {
        const other = bodyOf(testBytes(1000, 2));
        await expectCode(rig.storage.putPart(place, part, other), "digest_mismatch");
      }
      expect(await read(rig.storage, { kind: "part", place, index: 0 })).toHaveLength(0);
    });

    it("is for nobody who comes past us", async () => {
      const { place, parts } = await twoParts();
      expect((await rig.storage.listed(place, 0, 2)).size).toBe(0);
      await expectCode(rig.storage.sign(place, parts, 60_000), "digest_unsupported");
    });

    it("becomes one object, as often as it is asked for, and nothing stays beside it", async () => {
      const { place, parts, bytes } = await twoParts();
      await rig.storage.assemble(place, parts);
      await rig.storage.assemble(place, parts);
      expectBytes(await rig.read(place, 0, bytes.length), bytes);
      await expect.poll(() => listed(rig.storage)).toEqual([["bytes", bytes.length]]);
      expect(await unfinished(rig.storage)).toEqual([]);
    });

    it("becomes one object where two are at it", async () => {
      const { place, parts, bytes } = await twoParts();
      const both = [1, 2].map(() => rig.storage.assemble(place, parts));
      const results = await Promise.allSettled(both);
      expect(results.some(({ status }) => status === "fulfilled")).toBe(true);
      await rig.storage.assemble(place, parts);
      expectBytes(await rig.read(place, 0, bytes.length), bytes);
      await expect.poll(() => listed(rig.storage)).toEqual([["bytes", bytes.length]]);
    });

    it("says which parts are not there, takes them, and becomes one object then", async () => {
      const { place, parts, bytes } = await twoParts();
      const more = testBytes(500, 3);
      const size = rig.storage.limits.partSizeMin;
      const [first, second] = [testBytes(size, 4), testBytes(1000, 5)];
      const all = [partOf(0, first), partOf(1, second), partOf(2, more)];
      const failed = rig.storage.assemble(place, [parts[0], parts[1], partOf(2, more)]);
      await expect(failed).rejects.toMatchObject({
        code: "parts_missing",
        details: { missing: [[2, 3]] },
      });
      expectBytes(
        await read(rig.storage, { kind: "part", place, index: 1 }),
        bytes.subarray(rig.storage.limits.partSizeMin),
      );
      await rig.storage.putPart(place, all[0] ?? parts[0], inMemory(first));
      await rig.storage.putPart(place, all[1] ?? parts[1], inMemory(second));
      await rig.storage.assemble(place, all.slice(0, 2));
      expectBytes(await rig.read(place, 0, size + 1000), Buffer.concat([first, second]));
    });

    it("is gone with everything in it when it is discarded, assembled or not", async () => {
      const [one, other] = [await twoParts(), await twoParts()];
      await rig.storage.assemble(other.place, other.parts);
      await rig.storage.discard(one.place);
      expect(await listed(rig.storage)).toEqual([["bytes", other.bytes.length]]);
      await rig.storage.discard(other.place);
      await rig.storage.discard(other.place);
      expect(await listed(rig.storage)).toEqual([]);
    });

    it("has parts that come late listed, to be removed", async () => {
      const { place, parts, bytes } = await twoParts();
      await rig.storage.assemble(place, parts);
      const late = bytes.subarray(rig.storage.limits.partSizeMin);
      await expect.poll(() => listed(rig.storage)).toHaveLength(1);
      await rig.storage.putPart(place, parts[1], inMemory(late));
      const found = (await all(rig.storage)).filter(({ object }) => object.kind === "part");
      expect(found).toMatchObject([{ id: testId(1), size: late.length }]);
      for (const { object } of found) await rig.storage.objects.remove(object);
      await expect.poll(() => listed(rig.storage)).toEqual([["bytes", bytes.length]]);
      expectBytes(await rig.read(place, 0, bytes.length), bytes);
    });
  });
}

async function read(storage: PartStorage, object: PlacedObject, start = 0, end = 2 ** 30) {
  const pieces: Uint8Array[] = [];
  for await (const piece of storage.objects.read(object, { start, end })) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

async function all(storage: PartStorage): Promise<readonly ListedObject[]> {
  const found: ListedObject[] = [];
  for await (const one of storage.objects.list()) found.push(one);
  return found;
}

async function listed(storage: PartStorage): Promise<readonly (readonly [string, number])[]> {
  return (await all(storage)).map(({ object, size }) => [object.kind, size] as const).sort();
}

async function unfinished(storage: PartStorage): Promise<readonly Place[]> {
  const found: Place[] = [];
  for await (const { place } of storage.unfinished(Date.now() + 60_000)) found.push(place);
  return found;
}
