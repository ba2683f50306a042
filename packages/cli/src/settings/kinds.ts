// How a setting is written, kind by kind: as text on the command line and in the environment, as a value in the file.
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { HoldfastError } from "@holdfast/protocol";
import { parseHttpAddress } from "../addresses.ts";
import { parseBucket } from "../bucket.ts";
import { parseDatabase } from "../database.ts";
import { parseDuration } from "../durations.ts";
import { formatSize, parseRate, parseSize } from "../sizes.ts";
import type { Kind, SettingRow } from "./table.ts";

export type Value = string | number | boolean | readonly string[];

/** What stands for the value in a help text. */
const PLACEHOLDERS: Readonly<Record<Kind, string>> = {
  address: "url",
  text: "text",
  path: "path",
  whole: "count",
  size: "size",
  rate: "rate",
  duration: "duration",
  switch: "",
  choice: "choice",
  list: "list",
  database: "url",
  bucket: "url",
  pairs: "list",
  buckets: "list",
};

export function placeholderOf({ kind, choices, placeholder }: SettingRow): string {
  return placeholder ?? choices?.join("|") ?? PLACEHOLDERS[kind];
}

/** How a value of the kind is described to somebody who gave another. */
const DESCRIPTIONS: Readonly<Record<Kind, string>> = {
  address: 'an address in quotes, such as "https://files.example.org"',
  text: "a text in quotes",
  path: "a path in quotes",
  whole: "a whole number",
  size: 'a size such as "2M", or a number of bytes',
  rate: 'a rate such as "2M", or a number of bytes a second',
  duration: 'a duration such as "15m", or a number of seconds',
  switch: "true or false",
  choice: "a text in quotes",
  list: "a list of texts",
  pairs: 'a list of texts such as ["acme=eu"]',
  buckets: 'a list of texts such as ["eu=s3://files-eu/holdfast?region=eu-central-1"]',
  bucket: 'an address in quotes, such as "s3://files/holdfast?region=eu-central-1"',
  database: 'an address in quotes, such as "postgres://holdfast@127.0.0.1/holdfast"',
};

const ON: ReadonlySet<string> = new Set(["1", "true", "yes", "on"]);
const OFF: ReadonlySet<string> = new Set(["0", "false", "no", "off"]);

function usage(message: string): HoldfastError {
  return new HoldfastError("usage", message);
}

/**
 * The value in a text. `base` is the directory that a relative path is meant from.
 *
 * @throws HoldfastError `usage`
 */
export function parseText(row: SettingRow, text: string, base: string): Value {
  switch (row.kind) {
    case "address":
      return parseHttpAddress(text);
    case "path":
      return parsePath(text, base);
    case "whole":
      return inRange(row, parseWhole(row, text), String);
    case "size":
      return inRange(row, parseSize(text), formatSize);
    case "rate":
      return parseRate(text);
    case "duration":
      return parseDuration(text);
    case "switch":
      return parseSwitch(text);
    case "choice":
      return parseChoice(row, text);
    case "list":
      return text.split(",").flatMap((one) => one.trim() || []);
    case "pairs":
      return text.split(",").map((one) => parsePair(one));
    case "buckets":
      // A comma may stand in an address too.
      return text.split(/,(?=[^,=]*=s3:)/).map((one) => parseNamedBucket(one));
    case "bucket":
      return parseBucket(text);
    case "database":
      return parseDatabase(text);
    case "text":
      return text;
  }
}

/**
 * The value of a key in the file.
 *
 * @throws HoldfastError `usage` also where it is of another type.
 */
export function parseFileValue(row: SettingRow, value: unknown, base: string): Value {
  const isNumeric = /^(?:whole|size|rate|duration)$/.test(row.kind);
  if (row.kind === "switch" && typeof value === "boolean") return value;
  if (row.kind === "list" && Array.isArray(value) && value.every((one) => typeof one === "string"))
    return value;
  const isOfTexts = Array.isArray(value) && value.every((one) => typeof one === "string");
  if (row.kind === "pairs" && isOfTexts) return value.map(parsePair);
  if (row.kind === "buckets" && isOfTexts) return value.map(parseNamedBucket);
  if (row.kind === "pairs" || row.kind === "buckets") {
    throw usage(`it must be ${DESCRIPTIONS[row.kind]}, not ${typeNameOf(value)}`);
  }
  if (typeof value === "string" && row.kind !== "switch" && row.kind !== "list")
    return parseText(row, value, base);
  if (isNumeric && typeof value === "number") return parseText(row, String(value), base);
  throw usage(`it must be ${DESCRIPTIONS[row.kind]}, not ${typeNameOf(value)}`);
}

function typeNameOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  if (typeof value === "boolean") return `${value}`;
  if (typeof value === "number") return "a number";
  return typeof value === "string" ? "a text" : "a table";
}

/** @throws HoldfastError `usage` */
function parsePair(text: string): string {
  const pair = text.trim();
  if (/^[^=]+=[^=]+$/.test(pair)) return pair;
  throw new HoldfastError("usage", `"${pair}" is no TENANT=NAME`, {
    hint: "Write it like acme=eu, with a name that --storages gives to a bucket.",
  });
}

/** @throws HoldfastError `usage`, without the address in it: what is wrong there may be a secret. */
function parseNamedBucket(text: string): string {
  const [, name, address] = /^\s*([^=:/?]+)=(.*\S)\s*$/.exec(text) ?? [];
  if (name !== undefined && address !== undefined) return `${name}=${parseBucket(address)}`;
  throw new HoldfastError("usage", "a further bucket has no name", {
    hint: "Write it like eu=s3://BUCKET/PREFIX?region=REGION.",
  });
}

/** `~/` is the home directory, which no shell has put in where the path comes from a file. */
function parsePath(text: string, base: string): string {
  if (text === "") throw usage("an empty path names nothing");
  if (/^~[/\\]/.test(text)) return join(homedir(), text.slice(2));
  return isAbsolute(text) ? text : resolve(base, text);
}

function parseWhole({ range = [0, Number.MAX_SAFE_INTEGER] }: SettingRow, text: string): number {
  const count = /^\d{1,15}$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(count)) return count;
  throw usage(`"${text}" is no number from ${range[0]} to ${range[1]}`);
}

function inRange({ range }: SettingRow, value: number, show: (value: number) => string): number {
  if (!range || (value >= range[0] && value <= range[1])) return value;
  throw usage(`${show(value)} is not from ${show(range[0])} to ${show(range[1])}`);
}

function parseSwitch(text: string): boolean {
  const word = text.trim().toLowerCase();
  if (ON.has(word)) return true;
  if (OFF.has(word)) return false;
  throw usage(`"${text}" is neither true nor false`);
}

function parseChoice({ choices = [] }: SettingRow, text: string): string {
  if (choices.includes(text)) return text;
  throw usage(`"${text}" is none of ${choices.join(", ")}`);
}
