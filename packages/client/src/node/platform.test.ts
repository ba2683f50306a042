import { describe, expect, it } from "vitest";
import { stateDirectory, surroundings, systemRandom } from "./platform.ts";

describe("chance", () => {
  it("gives nothing twice, whatever is asked for, and leaves alone what it has given", () => {
    const sizes = Array.from({ length: 2_000 }, (_, at) => [2, 16, 1_025, 12][at % 4] ?? 0);
    const given = sizes.map((size) => systemRandom.bytes(size));
    const before = given.map((bytes) => bytes.slice());
    expect(given.map(({ length }) => length)).toEqual(sizes);
    systemRandom.bytes(4_096);
    expect(given).toEqual(before);
    const long = before.filter(({ length }) => length > 2).map((bytes) => bytes.join());
    expect(new Set(long).size).toBe(long.length);
    expect(new Set(before.map(([first]) => first)).size).toBeGreaterThan(200);
  });
});

describe("the state directory", () => {
  it.each<[NodeJS.Platform, Record<string, string>, string]>([
    ["linux", {}, "/home/me/.local/state/holdfast"],
    ["linux", { XDG_STATE_HOME: "/var/state" }, "/var/state/holdfast"],
    ["linux", { XDG_STATE_HOME: "", HOLDFAST_STATE_DIR: "" }, "/home/me/.local/state/holdfast"],
    ["linux", { XDG_STATE_HOME: "/var/state", HOLDFAST_STATE_DIR: "/mine" }, "/mine"],
    ["darwin", {}, "/home/me/Library/Application Support/holdfast"],
    ["win32", {}, "/home/me/AppData/Local/holdfast"],
    ["win32", { LOCALAPPDATA: "/local" }, "/local/holdfast"],
  ])("on %s with %j is %s", (platform, env, expected) => {
    expect(stateDirectory({ platform, env, home: "/home/me" })).toBe(expected);
  });

  it("is somewhere here too", () => {
    expect(stateDirectory({ ...surroundings(), env: {} })).toMatch(/holdfast$/);
  });
});
