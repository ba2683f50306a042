// What can be told apart has another fingerprint.
import { describe, expect, it } from "vitest";
import { fingerprint } from "./fingerprint.ts";
import { createSimFs } from "./fs.ts";

const large = (byte: number): Uint8Array => new Uint8Array(5000).fill(byte);

describe("a fingerprint of data", () => {
  const different: readonly unknown[] = [
    ...[undefined, null, 0, -0, 1, "1", "", true, 1n, [], {}, new Map(), new Set()],
    ...[[1], [[1]], ["1"], [1, 2], [2, 1], new Set([1]), new Set([1, 2]), new Set([2, 1])],
    ...[{ a: 1 }, { a: undefined }, { b: 1 }, { a: 1, b: 1 }, { a: { b: 1 } }, [["a", 1]]],
    ...[new Map([["a", 1]]), new Map([["a", "1"]]), new Map([["a", new Map()]])],
    ...[Uint8Array.of(), Uint8Array.of(0), Uint8Array.of(0, 0), "00", [0]],
    ...[large(0), large(1), large(0).subarray(1), { a: large(0) }, { a: large(1) }],
  ];

  it("is another one for each value", () => {
    expect(new Set(different.map(fingerprint)).size).toBe(different.length);
  });

  it("is the same for the same value", () => {
    for (const value of different) {
      expect(fingerprint(structuredClone(value))).toBe(fingerprint(value));
    }
  });

  it.each([[() => 1], [Symbol("a")], [new Date(0)]])(
    "is none where it could not tell: %s",
    (it) => {
      expect(() => fingerprint([it])).toThrow("no fingerprint");
    },
  );
});

describe("a fingerprint of a disk", () => {
  async function diskWith(
    bytes: Uint8Array,
    ...more: readonly ("flush" | "name" | "close")[]
  ): Promise<ReturnType<typeof createSimFs>> {
    const fs = createSimFs();
    const file = await fs.open("/d/a", "create", "cached");
    await file.pwrite([bytes], 0);
    if (more.includes("flush")) await file.fdatasync();
    if (more.includes("name")) await fs.fsyncDir("/d");
    if (more.includes("close")) await file.close();
    return fs;
  }

  it("is another one where shown, durable or open files, or names, are others", async () => {
    const disks = [
      createSimFs(),
      await diskWith(large(0)),
      await diskWith(large(1)),
      await diskWith(large(0).subarray(1)),
      await diskWith(large(0), "flush"),
      await diskWith(large(0), "name"),
      await diskWith(large(0), "flush", "name"),
      await diskWith(large(0), "flush", "name", "close"),
    ];
    expect(new Set(disks.map((disk) => disk.fingerprint())).size).toBe(disks.length);
  });

  it("does not know by which steps a disk has become what it is", async () => {
    const once = await diskWith(large(1), "flush", "name", "close");
    const twice = createSimFs();
    await (await twice.open("/d/b", "create", "cached")).close();
    await twice.unlink("/d/b");
    const file = await twice.open("/d/a", "create", "cached");
    for (const byte of [0, 1]) {
      await file.pwrite([large(byte)], 0);
      await file.fdatasync();
    }
    await twice.fsyncDir("/d");
    await file.close();
    expect(twice.crash(0).fingerprint()).toBe(once.crash(0).fingerprint());
  });
});
