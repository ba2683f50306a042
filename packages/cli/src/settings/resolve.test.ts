import { describe, expect, it } from "vitest";
import { type ConfigFile, readConfigText } from "./file.ts";
import { type Setting, settingsOf } from "./resolve.ts";
import type { SettingName } from "./table.ts";

const FILE = readConfigText(
  "/etc/holdfast/config.toml",
  `to = "http://127.0.0.1:1"
limit-rate = "1M"
give-up = 60
concurrency = 3

[serve]
data = "data"

[profile.work]
limit-rate = "2M"
concurrency = 5
`,
);

interface Layers {
  readonly flags?: Partial<Record<SettingName, string | true>>;
  readonly env?: Record<string, string>;
  readonly file?: ConfigFile;
}

function setting(name: SettingName, { flags = {}, env = {}, file }: Layers): Setting | undefined {
  const given = new Map<SettingName, string | true>();
  for (const key of ["limit-rate", "profile", "color", "serve.insecure", "serve.data"] as const) {
    const value = flags[key];
    if (value !== undefined) given.set(key, value);
  }
  const sources = { flags: given, env, platform: process.platform, directory: "/here" };
  return settingsOf(sources, file).of(name);
}

const MIB = 1024 * 1024;

describe("a setting", () => {
  const flags = { "limit-rate": "4M" };
  const env = { HOLDFAST_LIMIT_RATE: "3M" };
  const work = { profile: "work" };
  it.each<[string, Layers, number, string]>([
    ["flag", { flags: { ...flags, ...work }, env, file: FILE }, 4, "--limit-rate"],
    ["environment", { flags: work, env, file: FILE }, 3, "HOLDFAST_LIMIT_RATE"],
    ["profile", { flags: work, file: FILE }, 2, "/etc/holdfast/config.toml line 10"],
    ["file", { file: FILE }, 1, "/etc/holdfast/config.toml line 2"],
  ])("comes from the %s where nothing before it says anything", (layer, layers, mib, from) => {
    expect(setting("limit-rate", layers)).toEqual({ value: mib * MIB, layer, from });
  });

  it("has its default, or none", () => {
    expect(setting("give-up", {})).toEqual({ value: 900_000, layer: "default", from: "default" });
    expect(setting("limit-rate", {})).toBeUndefined();
  });

  it("of an empty variable is none", () => {
    expect(setting("limit-rate", { env: { HOLDFAST_LIMIT_RATE: "" } })).toBeUndefined();
  });

  it("that the profile does not have comes from the file", () => {
    expect(setting("to", { flags: work, file: FILE })?.layer).toBe("file");
  });

  it("takes the profile that the variable or the file names", () => {
    const chosen = { env: { HOLDFAST_PROFILE: "work" }, file: FILE };
    expect(setting("concurrency", chosen)?.value).toBe(5);
    const text = `default-profile = "a"\n[profile.a]\nconcurrency = 7\n[profile.b]\nconcurrency = 8`;
    const file = readConfigText("/f", text);
    expect(setting("concurrency", { file })?.value).toBe(7);
    expect(setting("concurrency", { file, flags: { profile: "b" } })?.value).toBe(8);
  });

  it("that is a path is meant from where it is written", () => {
    expect(setting("serve.data", { file: FILE })?.value).toBe("/etc/holdfast/data");
    expect(setting("serve.data", { flags: { "serve.data": "data" } })?.value).toBe("/here/data");
    expect(setting("serve.data", { flags: { "serve.data": "/data" } })?.value).toBe("/data");
  });

  it("of NO_COLOR is behind our own variable and before the file", () => {
    const file = readConfigText("/f", 'color = "always"');
    expect(setting("color", { file, env: { NO_COLOR: "1" } })?.value).toBe("never");
    const both = { NO_COLOR: "1", HOLDFAST_COLOR: "always" };
    expect(setting("color", { env: both })?.value).toBe("always");
  });

  it.each([
    ["limit-rate", "fast", '--limit-rate: "fast" is not a size'],
    ["color", "blue", '--color: "blue" is none of auto, always, never'],
    ["profile", "wrok", 'there is no profile "wrok" (--profile)'],
  ] as const)("that cannot be read is named: --%s %s", (name, value, message) => {
    const read = (): unknown => setting("to", { flags: { [name]: value }, file: FILE });
    expect(read).toThrow(message);
  });
});
