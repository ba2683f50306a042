// Settings as options of a command, and back: what was written on the command line, with the other layers below it.
import type { Command } from "commander";
import { Option } from "commander";
import { placeholderOf } from "./kinds.ts";
import { resolveSettings, type Settings, type Sources } from "./resolve.ts";
import { flagOf, type SettingName, settingRow } from "./table.ts";

/** Options that every command takes. */
export const GLOBAL_SETTINGS = ["config", "profile", "color"] as const;

/** `help` and default in other words than the table's, where a command has others. */
export function settingOption(name: SettingName, words?: string): Option {
  const row = settingRow(name);
  const placeholder = placeholderOf(row);
  const flag = placeholder === "" ? flagOf(name) : `${flagOf(name)} <${placeholder}>`;
  const ending = row.default === undefined ? "" : ` (default: ${row.default})`;
  return new Option(flag, words ?? `${row.help}${ending}`);
}

/** Gives the command an option for each of the settings. */
export function withSettings(
  command: Command,
  names: readonly SettingName[],
  words: Partial<Readonly<Record<SettingName, string>>> = {},
): Command {
  for (const name of names) command.addOption(settingOption(name, words[name]));
  return command;
}

/** The settings of a command that has options for `names`. @throws HoldfastError `usage` */
export function readSettings(command: Command, names: readonly SettingName[]): Promise<Settings> {
  return resolveSettings(sourcesOf(command, names));
}

export function sourcesOf(command: Command, names: readonly SettingName[]): Sources {
  const options = new Map<string, unknown>(Object.entries(command.optsWithGlobals()));
  const flags = new Map<SettingName, string | true>();
  for (const name of [...names, ...GLOBAL_SETTINGS]) {
    const value = options.get(settingOption(name).attributeName());
    if (typeof value === "string" || value === true) flags.set(name, value);
  }
  return { flags, env: process.env, platform: process.platform, directory: process.cwd() };
}
