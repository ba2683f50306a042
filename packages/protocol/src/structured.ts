// Dictionaries of structured fields (RFC 9651 section 4.2.2), whole in syntax; of the values only byte sequences are kept, since nothing else is read.
import { decodeBase64Loosely } from "./base64.ts";

/** A byte sequence, or `other`: an item of a type that no digest has. */
export type StructuredItem = Uint8Array | "other";
/** A member's value: one item, or the items of an inner list. */
export type StructuredMember = StructuredItem | readonly StructuredItem[];

// Sticky patterns without nested choices, so that a header of 64 KiB costs one pass however it is broken.
const KEY = /[a-z*][a-z0-9_.*-]*/y;
const BYTES = /:([A-Za-z0-9+/=]*):/y;
const OTHER_ITEM =
  /@?-?[0-9]{1,15}(?![0-9.])|-?[0-9]{1,12}\.[0-9]{1,3}|\?[01]|[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*|"[ !#-[\]-~]*(?:\\["\\][ !#-[\]-~]*)*"|%"[ !#$&-~]*(?:%[0-9a-f]{2}[ !#$&-~]*)*"/y;
const PARAMETER = /; */y;
const SPACES = / +/y;
const OPTIONAL_SPACES = / */y;
const COMMA = /[ \t]*,[ \t]*/y;

/** What is left of a field to be read; the only thing here that changes. */
interface Reader {
  readonly text: string;
  at: number;
}

/** The members of a dictionary by name, the last one of a name counts; undefined where the field breaks the grammar anywhere, since then none of it may be used. */
export function parseDictionary(field: string): ReadonlyMap<string, StructuredMember> | undefined {
  const members = new Map<string, StructuredMember>();
  const reader: Reader = { text: trimSpaces(field), at: 0 };
  if (reader.text === "") return members;
  do {
    const key = take(reader, KEY)?.[0];
    const member = key === undefined ? undefined : readMember(reader);
    if (key === undefined || member === undefined) return undefined;
    members.set(key, member);
  } while (take(reader, COMMA));
  return reader.at === reader.text.length ? members : undefined;
}

/** A name without a value is the boolean true. */
function readMember(reader: Reader): StructuredMember | undefined {
  if (!skip(reader, "=")) return readParameters(reader) ? "other" : undefined;
  return skip(reader, "(") ? readInnerList(reader) : readItem(reader);
}

function readInnerList(reader: Reader): readonly StructuredItem[] | undefined {
  const items: StructuredItem[] = [];
  take(reader, OPTIONAL_SPACES);
  while (!skip(reader, ")")) {
    const item = readItem(reader);
    if (item === undefined) return undefined;
    items.push(item);
    if (!take(reader, SPACES) && reader.text[reader.at] !== ")") return undefined;
  }
  return readParameters(reader) ? items : undefined;
}

function readItem(reader: Reader): StructuredItem | undefined {
  const item = readBareItem(reader);
  return item !== undefined && readParameters(reader) ? item : undefined;
}

function readBareItem(reader: Reader): StructuredItem | undefined {
  const base64 = take(reader, BYTES)?.[1];
  if (base64 !== undefined) return decodeBase64Loosely(base64);
  return take(reader, OTHER_ITEM) ? "other" : undefined;
}

/** Parameters say nothing about a digest: they are read past. */
function readParameters(reader: Reader): boolean {
  while (take(reader, PARAMETER)) {
    if (!take(reader, KEY)) return false;
    if (skip(reader, "=") && readBareItem(reader) === undefined) return false;
  }
  return true;
}

function take(reader: Reader, pattern: RegExp): RegExpExecArray | undefined {
  pattern.lastIndex = reader.at;
  const found = pattern.exec(reader.text);
  if (!found) return undefined;
  reader.at = pattern.lastIndex;
  return found;
}

function skip(reader: Reader, character: string): boolean {
  if (reader.text[reader.at] !== character) return false;
  reader.at++;
  return true;
}

/** Spaces only: a structured field may not begin or end with a tab. */
function trimSpaces(field: string): string {
  let [start, end] = [0, field.length];
  while (field[start] === " ") start++;
  while (end > start && field[end - 1] === " ") end--;
  return field.slice(start, end);
}
