// What every storage of parts does, the one in memory and the one on S3 alike.
import { HoldfastError, PART_SIZE_STEP } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { describePartEndings } from "./part-storage-endings.ts";
import {
  expectRefusal,
  inMemory,
  LAST,
  type PartRig,
  type PartStorageUnderTest,
  partOf,
  setUpParts,
  streamed,
} from "./part-storage-rig.ts";
import { describeStaged } from "./part-storage-staged.ts";
import { expectBytes, expectCode, testBytes } from "./storage-rig.ts";

/** The suite; `create` makes an empty storage. */
export function describePartStorageContract(
  name: string,
  create: () => Promise<PartStorageUnderTest>,
): void {
  describe(`part storage contract: ${name}`, () => {
    const rig = setUpParts(create);
    describeParts(rig);
    describeAssembling(rig);
    describePartEndings(rig);
    describeStaged(rig);
  });
}

const WAYS = [
  ["memory", inMemory],
  ["a stream", streamed],
] as const;

function describeParts(rig: PartRig): void {
  it("says what it can take", () => {
    const { partSizeMin, partSizeMax, partCountMax, sizeMax } = rig.storage.limits;
    expect(partSizeMin % PART_SIZE_STEP).toBe(0);
    expect(partSizeMax).toBeGreaterThanOrEqual(partSizeMin);
    expect(partCountMax).toBeGreaterThan(0);
    expect(Number.isSafeInteger(sizeMax)).toBe(true);
  });

  describe.each(WAYS)("a part from %s", (_, bodyOf) => {
    it("is listed with its size, and again after it came again, beside itself too", async () => {
      const place = await rig.begin();
      const bytes = testBytes(100_000, 2);
      const part = partOf(3, bytes);
      await rig.storage.putPart(place, part, bodyOf(bytes));
      await Promise.all([1, 2].map(() => rig.storage.putPart(place, part, bodyOf(bytes))));
      const there = await rig.storage.listed(place, 0, 10);
      expect([...there.keys()]).toEqual([3]);
      expect(there.get(3)).toMatchObject({ size: 100_000 });
      expectBytes(there.get(3)?.digest ?? part.digest, part.digest);
    });

    it("is not kept where its bytes do not have its digest", async () => {
      const place = await rig.begin();
      const part = partOf(3, testBytes(100_000, 3));
      const other = testBytes(100_000, 4);
      await expectCode(rig.storage.putPart(place, part, bodyOf(other)), "digest_mismatch");
      expect((await rig.storage.listed(place, 0, 10)).size).toBe(0);
    });

    it("takes the place of one with another digest: nobody but us keeps that from happening", async () => {
      const place = await rig.begin();
      const [first, second] = [testBytes(500, 5), testBytes(600, 6)];
      await rig.storage.putPart(place, partOf(0, first), bodyOf(first));
      await rig.storage.putPart(place, partOf(0, second), bodyOf(second));
      await rig.storage.assemble(place, [partOf(0, second)]);
      expectBytes(await rig.read(place, 0, 600), second);
    });
  });

  it("keeps nothing of a part that breaks off", async () => {
    const place = await rig.begin();
    const bytes = testBytes(100_000, 7);
    const body = streamed(bytes, new HoldfastError("body_stalled"));
    await expectRefusal(rig.storage.putPart(place, partOf(0, bytes), body));
    expect((await rig.storage.listed(place, 0, 1)).size).toBe(0);
  });

  it("ends a part that is waiting for its bytes when it is told to", async () => {
    const place = await rig.begin();
    const stop = new AbortController();
    async function* silent(): AsyncGenerator<Uint8Array, void, void> {
      yield new Uint8Array(10);
      setTimeout(() => stop.abort(), 50);
      await new Promise<never>(() => undefined);
    }
    const part = partOf(0, testBytes(100_000, 8));
    const body = { kind: "stream", pieces: silent() } as const;
    await expectRefusal(rig.storage.putPart(place, part, body, stop.signal));
    expect((await rig.storage.listed(place, 0, 1)).size).toBe(0);
  });

  it("lists the parts of a range, and none of another place", async () => {
    const [place, other] = [await rig.begin(), await rig.begin()];
    for (const index of [0, 2, 3, 7]) {
      const bytes = testBytes(100, index);
      await rig.storage.putPart(place, partOf(index, bytes), inMemory(bytes));
    }
    expect([...(await rig.storage.listed(place, 2, 7)).keys()]).toEqual([2, 3]);
    expect((await rig.storage.listed(other, 0, 10)).size).toBe(0);
  });

  it("brings a part by a signed request, once or often, and no other bytes", async () => {
    const place = await rig.begin();
    const bytes = testBytes(1000, 9);
    const part = partOf(5, bytes);
    expect(await rig.bring(place, part, testBytes(1000, 10))).toBe(false);
    expect(await rig.bring(place, part, testBytes(999, 9))).toBe(false);
    expect((await rig.storage.listed(place, 0, 10)).size).toBe(0);
    expect(await rig.bring(place, part, bytes)).toBe(true);
    expect(await rig.bring(place, part, bytes)).toBe(true);
    expect((await rig.storage.listed(place, 5, 6)).get(5)?.size).toBe(1000);
  });
}

function describeAssembling(rig: PartRig): void {
  describe("assembling", () => {
    it("makes of the parts what can be read, and nothing before", async () => {
      const { place, parts, bytes } = await rig.twoParts();
      expect(await rig.read(place, 0, bytes.length)).toHaveLength(0);
      await rig.storage.assemble(place, parts);
      expectBytes(await rig.read(place, 0, bytes.length), bytes);
      const [{ size: border }] = parts;
      for (const [start, end] of [
        [0, 1],
        [border - 1, border + 1],
        [5, border + LAST - 1],
        [border + LAST - 1, border + LAST],
      ] as const) {
        expectBytes(await rig.read(place, start, end), bytes.subarray(start, end));
      }
    });

    it("ends a read where the object ends", async () => {
      const { place, parts, bytes } = await rig.twoParts();
      await rig.storage.assemble(place, parts);
      expectBytes(
        await rig.read(place, bytes.length - 5, bytes.length + 100),
        bytes.subarray(bytes.length - 5),
      );
      expect(await rig.read(place, bytes.length, bytes.length + 100)).toHaveLength(0);
    });

    it("may be asked for again, and by two at once", async () => {
      const { place, parts, bytes } = await rig.twoParts();
      await Promise.all([rig.storage.assemble(place, parts), rig.storage.assemble(place, parts)]);
      await rig.storage.assemble(place, parts);
      expectBytes(await rig.read(place, 0, bytes.length), bytes);
    });

    it("takes no part any more, whoever brings it", async () => {
      const { place, parts, bytes } = await rig.twoParts();
      const [first] = parts;
      const head = bytes.subarray(0, first.size);
      await rig.storage.assemble(place, parts);
      await expectCode(rig.storage.putPart(place, first, inMemory(head)), "storage_failed");
      expect(await rig.bring(place, first, head)).toBe(false);
      expectBytes(await rig.read(place, 0, bytes.length), bytes);
    });

    it("says which parts are not there, or are others", async () => {
      const { place, parts } = await rig.twoParts();
      const [first] = parts;
      const other = partOf(1, testBytes(LAST + 1, 11));
      const asked = rig.storage.assemble(place, [first, other, partOf(2, testBytes(10, 12))]);
      await expect(asked).rejects.toMatchObject({
        code: "parts_missing",
        details: {
          missing: [
            [1, 2],
            [2, 3],
          ],
        },
      });
      expect(await rig.read(place, 0, 1)).toHaveLength(0);
      await rig.storage.assemble(place, parts);
    });

    it("makes nothing of a part that has another digest", { timeout: 60_000 }, async () => {
      const { place, parts } = await rig.twoParts();
      const [first] = parts;
      const other = partOf(1, testBytes(LAST, 11));
      await expect(rig.storage.assemble(place, [first, other])).rejects.toThrow(HoldfastError);
      expect(await rig.read(place, 0, 1)).toHaveLength(0);
      await rig.storage.assemble(place, parts);
    });
  });
}
