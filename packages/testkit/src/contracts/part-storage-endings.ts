// How a storage of parts lets go of what is not wanted, and what stands beside the places.
import type { ListedObject, Place } from "@holdfast/engine";
import { describe, expect, it } from "vitest";
import { inMemory, type PartRig, partOf } from "./part-storage-rig.ts";
import { expectBytes, expectCode, testBytes, testId } from "./storage-rig.ts";

export function describePartEndings(rig: PartRig): void {
  describeDiscarding(rig);
  describeObjects(rig);
}

function describeDiscarding(rig: PartRig): void {
  describe("discarding", () => {
    it("leaves nothing of the parts, may be repeated, and refuses what comes late", async () => {
      const { place, parts, bytes } = await rig.twoParts();
      const [first] = parts;
      const head = bytes.subarray(0, first.size);
      await rig.storage.discard(place);
      await rig.storage.discard(place);
      await expectCode(rig.storage.putPart(place, first, inMemory(head)), "storage_failed");
      expect(await rig.bring(place, first, head)).toBe(false);
      await expectCode(rig.storage.assemble(place, parts), "storage_failed");
      expect(await rig.read(place, 0, 1)).toHaveLength(0);
    });

    it("removes what was assembled, and nothing of another place", async () => {
      const [one, other] = [await rig.twoParts(), await rig.twoParts()];
      await rig.storage.assemble(one.place, one.parts);
      await rig.storage.assemble(other.place, other.parts);
      await rig.storage.discard(one.place);
      expect(await rig.read(one.place, 0, 1)).toHaveLength(0);
      expectBytes(await rig.read(other.place, 0, other.bytes.length), other.bytes);
    });
  });

  describe("places that are not finished", () => {
    it("are listed with their upload, those that are old enough", async () => {
      const [kept, done, gone] = [await rig.begin(2), await rig.twoParts(), await rig.begin(3)];
      await rig.storage.assemble(done.place, done.parts);
      await rig.storage.discard(gone);
      expect(await unfinished(rig, Date.now() + 60_000)).toEqual([{ id: testId(2), place: kept }]);
      expect(await unfinished(rig, Date.now() - 60_000)).toEqual([]);
    });

    it("are all listed", async () => {
      const places: Place[] = [];
      for (let count = 0; count < 5; count++) places.push(await rig.begin());
      const found = await unfinished(rig, Date.now() + 60_000);
      expect(found.map(({ place }) => place).sort()).toEqual(places.sort());
    });
  });
}

async function unfinished(rig: PartRig, before: number) {
  const found: { readonly id: string; readonly place: Place }[] = [];
  for await (const one of rig.storage.unfinished(before)) found.push(one);
  return found;
}

async function all(rig: PartRig): Promise<readonly ListedObject[]> {
  const found: ListedObject[] = [];
  for await (const one of rig.storage.objects.list()) found.push(one);
  return found;
}

function describeObjects(rig: PartRig): void {
  const id = testId(1);
  const manifest = { kind: "manifest", id, name: "m" } as const;
  const tail = (name: string) => ({ kind: "tail", id, name }) as const;

  async function read(object: Parameters<PartRig["storage"]["objects"]["read"]>[0], end = 1000) {
    const pieces: Uint8Array[] = [];
    for await (const piece of rig.storage.objects.read(object, { start: 0, end })) {
      pieces.push(piece);
    }
    return new Uint8Array(Buffer.concat(pieces));
  }

  describe("objects beside", () => {
    it("read back as they were stored last", async () => {
      const { objects } = rig.storage;
      await objects.put(manifest, testBytes(700, 1));
      await objects.put(manifest, testBytes(600, 2));
      await objects.put(tail("a"), testBytes(10, 3));
      expectBytes(await read(manifest), testBytes(600, 2));
      expectBytes(await read(tail("a")), testBytes(10, 3));
      expectBytes(await read(manifest, 100), testBytes(600, 2).subarray(0, 100));
      expect(await read(tail("b"))).toHaveLength(0);
    });

    it("are listed with what was assembled, by their upload, name, size and age", async () => {
      const { objects } = rig.storage;
      const [whole, other] = [await rig.twoParts(), await rig.twoParts()];
      await rig.storage.assemble(whole.place, whole.parts);
      await objects.put(manifest, testBytes(600, 2));
      await objects.put(tail("a"), testBytes(10, 3));
      const listed = await all(rig);
      expect(listed.map(({ id: of, object, size }) => [of, object.kind, size]).sort()).toEqual([
        [id, "bytes", whole.bytes.length],
        [id, "manifest", 600],
        [id, "tail", 10],
      ]);
      for (const { object, isIn, ageMs } of listed) {
        const isBytes = object.kind === "bytes";
        expect([isIn(whole.place), isIn(other.place)]).toEqual([isBytes, false]);
        // Seconds are all that some stores tell.
        expect(Math.abs(ageMs)).toBeLessThan(60_000);
        expect(await read(object, 1)).toHaveLength(1);
        await objects.remove(object);
        expect(await read(object, 1)).toHaveLength(0);
      }
      expect(await all(rig)).toEqual([]);
      expect((await rig.storage.listed(other.place, 0, 2)).size).toBe(2);
    });

    it("go one by one, or all of an upload, and nothing else does", async () => {
      const { objects } = rig.storage;
      const place = await rig.begin();
      const bytes = testBytes(100, 4);
      await rig.storage.putPart(place, partOf(0, bytes), inMemory(bytes));
      const other = { kind: "manifest", id: testId(2), name: "m" } as const;
      for (const object of [manifest, tail("a"), tail("b"), other])
        await objects.put(object, bytes);
      await objects.remove(tail("a"));
      await objects.remove(tail("a"));
      expect(await read(tail("a"))).toHaveLength(0);
      expectBytes(await read(tail("b")), bytes);
      await objects.put(tail("c"), bytes);
      const removeTails = () => objects.removeTails(id, (name) => name !== "c");
      await removeTails();
      await removeTails();
      expect(await read(tail("b"))).toHaveLength(0);
      expectBytes(await read(tail("c")), bytes);
      await objects.removeTails(id, () => true);
      expect(await read(tail("c"))).toHaveLength(0);
      expectBytes(await read(manifest), bytes);
      await objects.put(tail("b"), bytes);
      const made = { kind: "bytes", place: await rig.begin() } as const;
      await rig.storage.putPart(made.place, partOf(0, bytes), inMemory(bytes));
      await rig.storage.assemble(made.place, [partOf(0, bytes)]);
      expectBytes(await read(made), bytes);
      await objects.removeAll(id);
      await objects.removeAll(id);
      expect(await read(made)).toHaveLength(0);
      expect((await read(tail("b"))).length + (await read(manifest)).length).toBe(0);
      expectBytes(await read(other), bytes);
      expect((await rig.storage.listed(place, 0, 1)).size).toBe(1);
    });
  });
}
