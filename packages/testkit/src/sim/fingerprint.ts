// Names for what a life leaves: two values have the same one only where nobody can tell them apart, so that what was judged once need not be judged again.
import { hash } from "node:crypto";

/** Bytes from this size on are hashed once for each array: those are contents and blocks, which are never changed in place. */
const LARGE = 1024;

/** By array, and by hash: short, since a disk has many blocks. */
const known = new WeakMap<Uint8Array, string>();
const names = new Map<string, string>();

/** Of plain data: primitives, arrays, objects, maps, sets and bytes, each with the order that it has. Good within one process. */
export function fingerprint(value: unknown): string {
  return hash("sha256", write(value));
}

function write(value: unknown): string {
  if (typeof value !== "object" || value === null) return writePrimitive(value);
  if (value instanceof Uint8Array) return writeBytes(value);
  if (value instanceof Map) return `map(${writeAll(value)})`;
  if (value instanceof Set) return `set(${writeAll(value)})`;
  if (Array.isArray(value)) return `[${writeAll(value)}]`;
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw unknowable(value);
  return `{${writeAll(Object.entries(value))}}`;
}

function writeAll(values: Iterable<unknown>): string {
  return Array.from(values, write).join(",");
}

function writePrimitive(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function" || typeof value === "symbol") throw unknowable(value);
  if (typeof value === "bigint") return `${value}n`;
  return Object.is(value, -0) ? "-0" : String(value);
}

function writeBytes(bytes: Uint8Array): string {
  if (bytes.length < LARGE) return `bytes(${Buffer.from(bytes).toString("hex")})`;
  const name = known.get(bytes) ?? nameOf(hash("sha256", bytes));
  known.set(bytes, name);
  return name;
}

function nameOf(digest: string): string {
  const name = names.get(digest) ?? `#${names.size}`;
  names.set(digest, name);
  return name;
}

/** What has no name would let two values pass for one. */
function unknowable(value: unknown): TypeError {
  return new TypeError(`no fingerprint of ${String(value)}`);
}
