// Canonical JSON (RFC 8785) for what manifests are made of: objects, texts, whole numbers, booleans, lists.
import { isWellFormed } from "./text.ts";

export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [name: string]: Json | undefined }
  | ReadonlyMap<string, Json>;

/**
 * The one text of a value: members sorted by UTF-16 code units, no white space, members that are undefined left out.
 *
 * @throws RangeError where a number is not a safe integer or a text has half of a surrogate pair: those have no canonical form here.
 */
export function canonicalJson(value: Json): string {
  if (typeof value === "number" && !Number.isSafeInteger(value))
    throw new RangeError(`${value} is not a safe integer`);
  if (typeof value === "string" && !isWellFormed(value))
    throw new RangeError("half of a surrogate pair");
  if (typeof value !== "object" || value === null)
    return JSON.stringify(Object.is(value, -0) ? 0 : value);
  if (isList(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members: [string, Json | undefined][] =
    value instanceof Map ? [...value] : Object.entries(value);
  const written = members
    .filter((member): member is [string, Json] => member[1] !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, member]) => `${canonicalJson(name)}:${canonicalJson(member)}`);
  return `{${written.join(",")}}`;
}

function isList(value: object): value is readonly Json[] {
  return Array.isArray(value);
}
