// More objects that nobody wants than can be remembered: every one of them ripens, and memory stays bounded.
import { describe, expect, it } from "vitest";
import { createSightings } from "./sightings.ts";

const MAX = 100;
const RIPE = 10;
const PASS = 60;
const names = (count: number) => Array.from({ length: count }, (_, at) => `tail/${at}`);

/** Passes over what is there; gives what was ripe in each, and removes it where it may go. */
function world(count: number, stays: boolean) {
  const sightings = createSightings(MAX);
  const there = new Set(names(count));
  let now = 0;
  return {
    sightings,
    there,
    pass() {
      now += PASS;
      const ripe: string[] = [];
      let noted = 0;
      sightings.begin(now, RIPE);
      for (const name of there) {
        const sinceMs = sightings.sinceOf(name, now);
        if (sinceMs === undefined) noted += Number(sightings.isNoted(name, now));
        else if (sinceMs >= RIPE) ripe.push(name);
      }
      sightings.end(now);
      if (!stays) for (const name of ripe) there.delete(name);
      return { ripe, noted };
    },
    remembered: () =>
      [...names(count)].filter((name) => sightings.sinceOf(name, now) !== undefined),
  };
}

describe("objects that are seen again", () => {
  it("are ripe at the second pass where all of them can be remembered, and stay so", () => {
    const { pass } = world(MAX, true);
    expect(pass()).toEqual({ ripe: [], noted: MAX });
    expect(pass().ripe).toHaveLength(MAX);
    expect(pass()).toMatchObject({ ripe: { length: MAX }, noted: 0 });
  });

  it.each([MAX + 1, 3 * MAX, 40 * MAX])("all go in the end, of %i", (count) => {
    const { pass, there, remembered } = world(count, false);
    for (let passes = 0; there.size > 0; passes++) {
      // Four turns a slice of half of what fits: far more than it takes.
      expect(passes).toBeLessThan(8 + (8 * count) / MAX);
      pass();
      expect(remembered().length).toBeLessThanOrEqual(MAX);
    }
  });

  it("all have their turn where none of them goes", () => {
    const { pass } = world(10 * MAX, true);
    const ripe = new Set<string>();
    for (let passes = 0; passes < 100; passes++) for (const name of pass().ripe) ripe.add(name);
    expect(ripe.size).toBe(10 * MAX);
  });

  it("are forgotten where they are gone, and are few again", () => {
    const { pass, there, sightings, remembered } = world(10 * MAX, true);
    for (let passes = 0; passes < 5; passes++) pass();
    expect(sightings.isCrowded()).toBe(true);
    for (const name of [...there].slice(5)) there.delete(name);
    for (let passes = 0; passes < 40; passes++) pass();
    expect(sightings.isCrowded()).toBe(false);
    expect(remembered()).toEqual([...there]);
    expect(pass().ripe).toEqual([...there]);
  });

  it("are not ripe before their time, whoever passes meanwhile", () => {
    const sightings = createSightings(MAX);
    for (let now = 0; now < RIPE; now++) {
      sightings.begin(now, RIPE);
      const sinceMs = sightings.sinceOf("a", now);
      expect(sinceMs ?? 0).toBe(now);
      if (sinceMs === undefined) sightings.isNoted("a", now);
      sightings.end(now);
    }
  });
});
