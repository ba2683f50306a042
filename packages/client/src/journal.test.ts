import { addPart, createPartSet } from "@holdfast/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeJournal, readJournal } from "./journal.ts";
import { systemDigester } from "./node/platform.ts";
import type { Version } from "./pin.ts";

const PARTS = 11;
const version: Version = {
  size: PARTS * 1000 - 1,
  partSize: 1000,
  algorithm: "sha-256",
  digests: new Uint8Array(PARTS * 32),
  root: new Uint8Array(32).fill(7),
};

function named(indexes: readonly number[]) {
  const parts = createPartSet(PARTS);
  for (const index of indexes) addPart(parts, index);
  return parts;
}

describe("a journal", () => {
  it("comes back as it was written, with the digests of the parts that it names", () => {
    const index = fc.nat(PARTS - 1);
    fc.assert(
      fc.property(fc.array(index), fc.string(), (indexes, mark) => {
        const parts = named(indexes);
        const digests = new Uint8Array(PARTS * 32).map((_, at) => (at >> 5) + 1);
        const text = encodeJournal(systemDigester, version, { parts, mark, digests });
        const read = readJournal(systemDigester, version, "etag", text);
        if (read.kind !== "journal") throw new Error("it was not read");
        expect({ parts: read.parts, mark: read.mark }).toEqual({ parts, mark });
        for (let at = 0; at < PARTS; at++) {
          expect(read.digests?.[at * 32]).toBe(indexes.includes(at) ? at + 1 : 0);
        }
      }),
    );
  });

  it("without digests says nothing of a file that has no manifest", () => {
    const noted = { parts: named([1, 2]), mark: "m", digests: undefined };
    const text = encodeJournal(systemDigester, version, noted);
    expect(readJournal(systemDigester, version, "manifest", text).kind).toBe("journal");
    expect(readJournal(systemDigester, version, "etag", text).kind).toBe("ignored");
  });

  it("is nothing else, whatever a disk has made of it", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(readJournal(systemDigester, version, "etag", text).kind).toBe("ignored");
      }),
    );
    expect(readJournal(systemDigester, version, "etag", undefined).kind).toBe("none");
  });
});
