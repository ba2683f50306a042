import { describe, expect, it } from "vitest";
import { stateDirectory, surroundings } from "./platform.ts";

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
