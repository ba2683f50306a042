// What a setting is for one command: flag before environment before profile before file before default.
import { readFile } from "node:fs/promises";
import { HoldfastError, isHoldfastError, nearestOf } from "@holdfast/protocol";
import { hintOf } from "../hint.ts";
import { type ConfigFile, type FileValues, placeOf, readConfigText, requireSound } from "./file.ts";
import { parseText, type Value } from "./kinds.ts";
import { configPath } from "./place.ts";
import {
  flagOf,
  type Layer,
  type ListSetting,
  layersOf,
  type NumberSetting,
  SETTING_NAMES,
  type SettingName,
  type SwitchSetting,
  settingRow,
  type TextSetting,
  variableOf,
} from "./table.ts";

/** All that settings are made of. */
export interface Sources {
  /** As they were written; true for a switch. */
  readonly flags: ReadonlyMap<SettingName, string | true>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  /** Relative paths of flags and environment are meant from here. */
  readonly directory: string;
}

export interface Setting {
  readonly value: Value;
  readonly layer: Layer | "default";
  /** The option, the variable, or the place in the file. */
  readonly from: string;
}

export interface Settings {
  /** The setting, or undefined where nothing says what it is. */
  of(name: SettingName): Setting | undefined;
  text(name: TextSetting): string | undefined;
  number(name: NumberSetting): number | undefined;
  isOn(name: SwitchSetting): boolean;
  /** Empty where nothing says what it is. */
  list(name: ListSetting): readonly string[];
  /** @throws HoldfastError `usage` that says how to give it */
  required(name: TextSetting): string;
  readonly profile: string | undefined;
  /** Where the file is, or would be. */
  readonly path: string | undefined;
}

/** @throws HoldfastError `usage` naming what is wrong and where it stands */
export async function resolveSettings(sources: Sources): Promise<Settings> {
  const file = await readConfig(sources);
  if (file) requireSound(file);
  return settingsOf(sources, file);
}

/** The file that the sources lead to, or undefined where there is none and none was asked for. */
export async function readConfig(sources: Sources): Promise<ConfigFile | undefined> {
  const named = given(sources, "config");
  const path = named ? String(named.value) : configPath(sources);
  if (path === undefined) return undefined;
  try {
    return readConfigText(path, await readFile(path, "utf8"));
  } catch (error) {
    if (isHoldfastError(error) || !(error instanceof Error)) throw error;
    const isMissing = "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
    if (isMissing && !named) return undefined;
    const what = isMissing
      ? "there is no configuration file"
      : "cannot read the configuration file";
    throw new HoldfastError("usage", `${what} ${path}`, {
      hint: named ? `${named.from} names it.` : "Check its permissions.",
    });
  }
}

/** @throws HoldfastError `usage` */
export function settingsOf(sources: Sources, file: ConfigFile | undefined): Settings {
  const profile = profileOf(sources, file);
  const chosen = profile === undefined ? undefined : requireProfile(profile, file);
  const found = new Map<SettingName, Setting>();
  for (const name of SETTING_NAMES) {
    const setting =
      given(sources, name) ??
      stored(chosen, name, "profile", file) ??
      stored(file?.values, name, "file", file) ??
      byDefault(name, sources.directory);
    if (setting) found.set(name, setting);
  }
  const text = (name: TextSetting): string | undefined => {
    const value = found.get(name)?.value;
    return typeof value === "string" ? value : undefined;
  };
  const path = file?.path ?? configPath(sources);
  return {
    of: (name) => found.get(name),
    text,
    number(name) {
      const value = found.get(name)?.value;
      return typeof value === "number" ? value : undefined;
    },
    isOn: (name) => found.get(name)?.value === true,
    list(name) {
      const value = found.get(name)?.value;
      return Array.isArray(value) ? value : [];
    },
    required: (name) => text(name) ?? missing(name, path),
    profile: profile?.name,
    path,
  };
}

function missing(name: TextSetting, path: string | undefined): never {
  const ways = [`Give ${flagOf(name)}`, `set ${variableOf(name)}`];
  if (path !== undefined) ways.push(`write ${name} = "..." into ${path}`);
  const hint = `${ways.slice(0, -1).join(", ")} or ${ways.at(-1)}.`;
  const what = settingRow(name).help;
  throw new HoldfastError("usage", `${flagOf(name)} is missing: ${what}`, { hint });
}

/** From the command line or the environment. */
function given(sources: Sources, name: SettingName): Setting | undefined {
  const flag = sources.flags.get(name);
  if (flag === true) return { value: true, layer: "flag", from: flagOf(name) };
  if (flag !== undefined) return read(sources, name, flag, "flag", flagOf(name));
  const variable = variableOf(name);
  const text = sources.env[variable];
  // Set but empty is how scripts switch a variable off.
  if (text && layersOf(name).includes("environment")) {
    return read(sources, name, text, "environment", variable);
  }
  const { foreign } = settingRow(name);
  if (!foreign || !sources.env[foreign.variable]) return undefined;
  return read(sources, name, foreign.value, "environment", foreign.variable);
}

function read(
  { directory }: Sources,
  name: SettingName,
  text: string,
  layer: Layer,
  from: string,
): Setting {
  try {
    return { value: parseText(settingRow(name), text, directory), layer, from };
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    throw new HoldfastError(error.code, `${from}: ${error.message}`, { hint: hintOf(error) });
  }
}

function stored(
  values: FileValues | undefined,
  name: SettingName,
  layer: "profile" | "file",
  file: ConfigFile | undefined,
): Setting | undefined {
  const found = values?.get(name);
  if (!found || !file) return undefined;
  return { value: found.value, layer, from: placeOf(file.path, found.line) };
}

function byDefault(name: SettingName, directory: string): Setting | undefined {
  const row = settingRow(name);
  if (row.default === undefined) return undefined;
  return { value: parseText(row, row.default, directory), layer: "default", from: "default" };
}

interface ChosenProfile {
  readonly name: string;
  readonly from: string;
}

function profileOf(sources: Sources, file: ConfigFile | undefined): ChosenProfile | undefined {
  const setting =
    given(sources, "profile") ?? stored(file?.values, "default-profile", "file", file);
  return setting && { name: String(setting.value), from: setting.from };
}

function requireProfile({ name, from }: ChosenProfile, file: ConfigFile | undefined): FileValues {
  const profile = file?.profiles.get(name);
  if (profile) return profile;
  const names = [...(file?.profiles.keys() ?? [])];
  const near = nearestOf(name, names);
  const hint = near ? `Did you mean ${near}?` : available(names, file);
  throw new HoldfastError("usage", `there is no profile "${name}" (${from})`, { hint });
}

function available(names: readonly string[], file: ConfigFile | undefined): string {
  if (!file) return "There is no configuration file; holdfast config path says where it belongs.";
  if (names.length === 0) return `${file.path} has no profiles.`;
  return `${file.path} has ${names.join(", ")}.`;
}
