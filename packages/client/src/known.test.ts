import { KIB, MIB } from "@holdfast/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeKnown, encodeKnown, isTooCoarse, partSizeFor, smallPartSize } from "./known.ts";
import { freshLine, type Known, knownOf, type Line } from "./line.ts";

const NOW = Date.UTC(2026, 0, 1);
const DAY = 24 * 60 * 60 * 1000;

describe("the size of parts", () => {
  it.each<[string, Known | undefined, number, number | undefined]>([
    ["nothing is known", undefined, 100 * MIB, undefined],
    ["the line is good", { inFlight: 4, rate: 2.5e6 }, 100 * MIB, undefined],
    [
      "connections carry little",
      { inFlight: 4, rate: 2.5e6, cutEvery: 8 * MIB },
      100 * MIB,
      256 * KIB,
    ],
    [
      "connections carry much",
      { inFlight: 4, rate: 2.5e6, cutEvery: 80 * MIB },
      100 * MIB,
      undefined,
    ],
    ["the line is very slow", { inFlight: 1, rate: 67_000 }, 100 * MIB, 256 * KIB],
    [
      "a proxy takes little",
      { inFlight: 4, rate: 2.5e6, bodyMax: 512 * KIB },
      100 * MIB,
      256 * KIB,
    ],
    ["the file is huge", { inFlight: 1, rate: 67_000 }, 64 * 1024 * MIB, 2 * MIB],
  ])("where %s", (_, known, size, expected) => {
    expect(partSizeFor(known, size)).toBe(expected);
  });

  it("is small where a cut costs a whole run of them, unless they would be many", () => {
    const sizes = [1, 100 * MIB, 512 * MIB, 512 * MIB + 1, 1024 * MIB, 1024 * MIB + 1];
    const expected = [256, 256, 256, 512, 512].map((kib) => kib * KIB);
    expect(sizes.map(smallPartSize)).toEqual([...expected, undefined]);
  });

  it("is too coarse where a cut costs more than three per cent", () => {
    expect(isTooCoarse({ inFlight: 1, rate: 1e6, cutEvery: 10 * MIB }, 512 * KIB)).toBe(false);
    expect(isTooCoarse({ inFlight: 1, rate: 1e6, cutEvery: 10 * MIB }, 640 * KIB)).toBe(true);
  });
});

describe("what is remembered", () => {
  const known: Known = { inFlight: 5, rate: 1234.5, cutEvery: 8 * MIB, bodyMax: MIB };

  it("comes back as it was", () => {
    const refused = { ...known, bodyRefusedAt: NOW };
    expect(decodeKnown(encodeKnown(known, NOW), NOW + DAY / 2)).toEqual(refused);
    const little: Known = { inFlight: 1, rate: 7 };
    expect(decodeKnown(encodeKnown(little, NOW), NOW)).toEqual(little);
  });

  it("is forgotten after two weeks, and not believed from the future", () => {
    expect(decodeKnown(encodeKnown(known, NOW), NOW + 15 * DAY)).toBeUndefined();
    expect(decodeKnown(encodeKnown(known, NOW), NOW - DAY)).toBeUndefined();
  });

  it("of a limit of bodies is doubted after a day, and forgotten after two weeks, however often the rest is renewed", () => {
    const at = (days: number) => decodeKnown(encodeKnown(known, NOW), NOW + days * DAY);
    expect(at(0.9)).not.toHaveProperty("mayTryLonger");
    expect(at(1)).toMatchObject({ bodyMax: MIB, mayTryLonger: true });
    let renewed = at(1);
    for (let day = 2; day < 15; day++) {
      expect(renewed).toMatchObject({ bodyMax: MIB, bodyRefusedAt: NOW, mayTryLonger: true });
      renewed =
        renewed && decodeKnown(encodeKnown(renewed, NOW + (day - 1) * DAY), NOW + day * DAY);
    }
    const later = renewed && decodeKnown(encodeKnown(renewed, NOW + 14 * DAY), NOW + 15 * DAY);
    expect(later).toMatchObject({ inFlight: 5 });
    expect(later).not.toHaveProperty("bodyMax");
  });

  it("is never trusted: any text gives nothing, or something that can be worked with", () => {
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record({ inFlight: fc.double(), rate: fc.double(), cutEvery: fc.double() })
        .map((fields) => JSON.stringify({ version: 1, at: NOW, ...fields })),
    );
    fc.assert(
      fc.property(text, (value) => {
        const found = decodeKnown(value, NOW);
        if (!found) return;
        const bounds = { partSize: MIB, runPartsMax: 64, inFlightMax: 12 };
        const line = freshLine(bounds, 0, found);
        expect(line.inFlight).toBeGreaterThanOrEqual(1);
        expect(line.inFlight).toBeLessThanOrEqual(12);
        expect(line.runParts).toBeGreaterThanOrEqual(1);
        expect(line.runParts).toBeLessThanOrEqual(64);
      }),
    );
  });
});

describe("what a line has taught", () => {
  const bounds = { partSize: MIB, runPartsMax: 64, inFlightMax: 12 };
  const line = (more: Partial<Line>): Line => ({ ...freshLine(bounds, 0), rate: 1e6, ...more });

  it("is nothing before the first full round", () => {
    expect(knownOf(freshLine(bounds, 0), MIB, undefined)).toBeUndefined();
  });

  it("counts cuts once there were some, and forgets them after several times that much in peace", () => {
    expect(knownOf(line({ cuts: 1 }), 10 * MIB, undefined)).not.toHaveProperty("cutEvery");
    expect(knownOf(line({ cuts: 5 }), 40 * MIB, undefined)).toMatchObject({ cutEvery: 8 * MIB });
    const before = { inFlight: 4, rate: 1e6, cutEvery: 8 * MIB };
    expect(knownOf(line({}), 16 * MIB, before)).toMatchObject({ cutEvery: 8 * MIB });
    expect(knownOf(line({}), 64 * MIB, before)).not.toHaveProperty("cutEvery");
  });
});
