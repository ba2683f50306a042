// The tree, the root and canonical JSON once more, written straight from the texts of RFC 9162 and RFC 8785 and from no code of ours: the vectors are checked against both.
import { hash as digest } from "node:crypto";

function hash(...pieces: readonly Uint8Array[]): Buffer {
  return digest("sha256", Buffer.concat(pieces), "buffer");
}

/** "k is the largest power of two smaller than n". */
function largestPowerBelow(n: number): number {
  return 2 ** (Math.ceil(Math.log2(n)) - 1);
}

export interface NaiveTree {
  /** MTH(D[n]), section 2.1.1. */
  readonly hash: Buffer;
  /** PATH(m, D[n]), section 2.1.3.1. */
  path(m: number): readonly Buffer[];
}

/** Every subtree is hashed once, however many paths are asked for. */
export function naiveTree(d: readonly Uint8Array[]): NaiveTree {
  const [only] = d;
  if (only === undefined) return { hash: hash(), path: () => [] };
  if (d.length === 1) return { hash: hash(Buffer.from([0]), only), path: () => [] };
  const k = largestPowerBelow(d.length);
  const [left, right] = [naiveTree(d.slice(0, k)), naiveTree(d.slice(k))];
  return {
    hash: hash(Buffer.from([1]), left.hash, right.hash),
    path: (m) => (m < k ? [...left.path(m), right.hash] : [...right.path(m - k), left.hash]),
  };
}

export function naiveRoot(
  { hash: tree }: NaiveTree,
  algorithm: number,
  size: number,
  partSize: number,
): string {
  const numbers = Buffer.alloc(17);
  numbers.writeUInt8(algorithm, 0);
  numbers.writeBigUInt64BE(BigInt(size), 1);
  numbers.writeBigUInt64BE(BigInt(partSize), 9);
  const label = Buffer.from("\u0002holdfast/1", "latin1");
  return hash(label, numbers, tree).toString("hex");
}

export function naiveDigests(count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => {
    const number = Buffer.alloc(8);
    number.writeBigUInt64BE(BigInt(index));
    return hash(number);
  });
}

/** A text as RFC 8785 section 3.2.2.2 writes it, unit by unit. */
function quote(text: string): string {
  const short = new Map([
    [8, "\\b"],
    [9, "\\t"],
    [10, "\\n"],
    [12, "\\f"],
    [13, "\\r"],
    [34, '\\"'],
    [92, "\\\\"],
  ]);
  let out = '"';
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 32) out += short.get(unit) ?? `\\u00${unit.toString(16).padStart(2, "0")}`;
    else out += short.get(unit) ?? text[at];
  }
  return `${out}"`;
}

/** Compares by UTF-16 code units, written out as bytes so that nothing depends on how this language compares. */
function compareUnits(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, "utf16le").swap16(), Buffer.from(b, "utf16le").swap16());
}

/** Objects are lists of pairs here, marked by the Map that holds them. */
export type NaiveJson = string | number | ReadonlyMap<string, NaiveJson>;

export function naiveCanonicalJson(value: NaiveJson): string {
  if (typeof value === "number") return value.toString(10);
  if (typeof value === "string") return quote(value);
  const members = [...value].sort(([a], [b]) => compareUnits(a, b));
  return `{${members.map(([name, member]) => `${quote(name)}:${naiveCanonicalJson(member)}`).join(",")}}`;
}
