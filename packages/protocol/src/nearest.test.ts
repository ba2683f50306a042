import { describe, expect, it } from "vitest";
import { distanceOf, nearestOf } from "./nearest.ts";

describe("nearest", () => {
  it.each([
    ["port", "port", 0],
    ["prot", "port", 1],
    ["pot", "port", 1],
    ["ports", "port", 1],
    ["part", "port", 1],
    ["", "port", 4],
    ["limit", "rate", 5],
  ])("%s to %s is %i apart", (a, b, distance) => {
    expect(distanceOf(a, b)).toBe(distance);
    expect(distanceOf(b, a)).toBe(distance);
  });

  it("is none where nothing is near", () => {
    expect(nearestOf("banana", ["to", "token-file", "limit-rate"])).toBeUndefined();
    expect(nearestOf("LIMIT_RATE", ["to", "limit-rate"])).toBe("limit-rate");
  });
});
