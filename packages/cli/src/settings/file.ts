// The configuration file: TOML, every key of it known, every value of the type that its setting wants.
import { dirname } from "node:path";
import { HoldfastError, isHoldfastError, nearestOf } from "@holdfast/protocol";
import { parse, TomlError } from "smol-toml";
import { parseFileValue, type Value } from "./kinds.ts";
import { lineOf } from "./lines.ts";
import {
  isSettingName,
  type Layer,
  layersOf,
  SETTING_NAMES,
  type SettingName,
  settingRow,
} from "./table.ts";

export interface FileValue {
  readonly value: Value;
  readonly line: number | undefined;
}

export type FileValues = ReadonlyMap<SettingName, FileValue>;

export interface ConfigFile {
  readonly path: string;
  readonly values: FileValues;
  readonly profiles: ReadonlyMap<string, FileValues>;
  /** What is wrong with it, in the order of its lines. */
  readonly problems: readonly Problem[];
}

export interface Problem {
  readonly line: number | undefined;
  readonly message: string;
  readonly hint: string;
}

const SECTIONS: ReadonlySet<string> = new Set(
  SETTING_NAMES.flatMap((name) => (name.includes(".") ? [name.slice(0, name.indexOf("."))] : [])),
);

/** Reads the text of a file; what is wrong stands in `problems`. */
export function readConfigText(path: string, text: string): ConfigFile {
  const problems: Problem[] = [];
  const root = parseToml(text, problems);
  const { profile, ...rest } = root;
  const reading = { text, base: dirname(path), problems };
  const values = readTable(reading, [], rest, "file");
  const profiles = profile === undefined ? new Map() : readProfiles(reading, profile);
  const ordered = problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return { path, values, profiles, problems: ordered };
}

function readProfiles(reading: Reading, tables: unknown): ReadonlyMap<string, FileValues> {
  const profiles = new Map<string, FileValues>();
  if (!isTable(tables)) {
    note(reading, ["profile"], "profile must be a table", PROFILES);
    return profiles;
  }
  for (const [name, settings] of Object.entries(tables)) {
    const at = ["profile", name];
    if (isTable(settings)) profiles.set(name, readTable(reading, at, settings, "profile"));
    else note(reading, at, `profile.${name} must be a table`, PROFILES);
  }
  return profiles;
}

const PROFILES =
  "Write [profile.NAME] on a line of its own, and its settings below; default-profile names the usual one.";

interface Reading {
  readonly text: string;
  /** Directory of the file: relative paths in it are meant from there. */
  readonly base: string;
  readonly problems: Problem[];
}

type Table = Readonly<Record<string, unknown>>;

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isDate(value);
}

function isDate(value: object): boolean {
  return value instanceof Date;
}

function note(
  { text, problems }: Reading,
  path: readonly string[],
  message: string,
  hint: string,
): void {
  problems.push({ line: lineOf(text, path), message, hint });
}

function parseToml(text: string, problems: Problem[]): Table {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // What follows the first line is a drawing of the place.
    const [first = ""] = error.message.replace(/^Invalid TOML document: /, "").split("\n");
    const hint = "The file is TOML: KEY = VALUE on a line, texts in quotes.";
    problems.push({ line: error.line, message: first, hint });
    return {};
  }
}

function readTable(
  reading: Reading,
  at: readonly string[],
  table: Table,
  layer: Layer,
): FileValues {
  const values = new Map<SettingName, FileValue>();
  for (const [name, value] of Object.entries(table)) {
    const path = [...at, name];
    if (SECTIONS.has(name) && isTable(value)) {
      for (const [key, inner] of Object.entries(value)) {
        readKey(reading, [...path, key], `${name}.${key}`, inner, layer, values);
      }
    } else {
      readKey(reading, path, name, value, layer, values);
    }
  }
  return values;
}

function readKey(
  reading: Reading,
  path: readonly string[],
  name: string,
  value: unknown,
  layer: Layer,
  into: Map<SettingName, FileValue>,
): void {
  if (!isSettingName(name) || !layersOf(name).includes(layer)) {
    const [message, hint] = unknownKey(name, isTable(value), layer);
    note(reading, path, message, hint);
    return;
  }
  try {
    const parsed = parseFileValue(settingRow(name), value, reading.base);
    into.set(name, { value: parsed, line: lineOf(reading.text, path) });
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    note(reading, path, `${name}: ${error.message}`, hintOf(error));
  }
}

function hintOf({ details }: HoldfastError): string {
  const hint = details["hint"];
  return typeof hint === "string" ? hint : "Correct the value, or remove the line.";
}

function unknownKey(
  name: string,
  isSection: boolean,
  layer: Layer,
): readonly [message: string, hint: string] {
  if (isSection) {
    const near = nearestOf(name, [...SECTIONS, "profile"]);
    return [`there is no table [${name}]`, near ? `Did you mean [${near}]?` : SEE_TABLE];
  }
  if (name === "token") {
    const hint =
      "Write the token into a file of its own that only you can read, and name that with token-file.";
    return ["a token does not belong into this file", hint];
  }
  if (isSettingName(name)) {
    return [`${name} cannot be set here`, `It comes from ${layersOf(name).join(" or ")} only.`];
  }
  const known = SETTING_NAMES.filter((one) => layersOf(one).includes(layer));
  const near = nearestOf(name, known);
  return [`there is no setting "${name}"`, near ? `Did you mean "${near}"?` : SEE_TABLE];
}

const SEE_TABLE = "docs/configuration.md lists what there is; so does: holdfast config show";

/** @throws HoldfastError `usage` for the first thing that is wrong, with its line. */
export function requireSound({ path, problems: [first] }: ConfigFile): void {
  if (!first) return;
  throw new HoldfastError("usage", `${placeOf(path, first.line)}: ${first.message}`, {
    hint: first.hint,
  });
}

export function placeOf(path: string, line: number | undefined): string {
  return line === undefined ? path : `${path} line ${line}`;
}
