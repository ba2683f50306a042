// Content that a seed makes again: the bytes of every test file can be told from its number, at any offset, without keeping them.
import { createCipheriv, createHash, hash } from "node:crypto";
import { open } from "node:fs/promises";
import { type Grid, partCount, partOffset, partSizeAt } from "@holdfast/protocol";

export interface Content {
  readonly seed: number;
  readonly size: number;
}

/** A small seeded generator: a failure is a seed. */
export interface Dice {
  /** From 0 (inclusive) to 1. */
  fraction(): number;
  /** A whole number from `low` to `high`, both in. */
  whole(low: number, high: number): number;
  isHit(probability: number): boolean;
}

/** The xorshift generator with 32 bits of state. */
export function createDice(seed: number): Dice {
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ 0x85ebca6b) >>> 0 || 1;
  const fraction = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
  return {
    fraction,
    whole: (low, high) => low + Math.floor(fraction() * (high - low + 1)),
    isHit: (probability) => fraction() < probability,
  };
}

/** Bytes `start` to `end` (exclusive): AES in counter mode over zeros, so that any place can be reached at once. */
export function bytesOf(content: Content, start: number, end: number): Buffer {
  const key = hash("sha256", `holdfast test content ${content.seed}`, "buffer");
  const block = Math.floor(start / 16);
  const counter = Buffer.alloc(16);
  counter.writeBigUInt64BE(BigInt(block), 8);
  const cipher = createCipheriv("aes-256-ctr", key, counter);
  const until = Math.min(end, content.size);
  return cipher.update(Buffer.alloc(until - block * 16)).subarray(start - block * 16);
}

const STEP = 8 * 1024 * 1024;

export async function writeContent(path: string, content: Content): Promise<void> {
  const file = await open(path, "w");
  try {
    for (let at = 0; at < content.size; at += STEP) {
      await file.write(bytesOf(content, at, at + STEP), 0, undefined, at);
    }
  } finally {
    await file.close();
  }
}

/** Offset of the first byte of a file that is not the content's, or undefined where it is the same from end to end. */
export async function firstDifference(path: string, content: Content): Promise<number | undefined> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const into = Buffer.alloc(STEP);
    for (let at = 0; at < content.size; at += STEP) {
      const wanted = bytesOf(content, at, at + STEP);
      const { bytesRead } = await file.read(into, 0, wanted.length, at);
      if (!wanted.equals(into.subarray(0, bytesRead))) return at + differenceIn(wanted, into);
    }
    return size === content.size ? undefined : Math.min(size, content.size);
  } finally {
    await file.close();
  }
}

/** Compares a stream of bytes with the content, without keeping it. */
export async function streamDifference(
  stream: AsyncIterable<Uint8Array>,
  content: Content,
): Promise<number | undefined> {
  let at = 0;
  for await (const bytes of stream) {
    if (at + bytes.length > content.size) return content.size;
    const wanted = bytesOf(content, at, at + bytes.length);
    if (!wanted.equals(bytes)) return at + differenceIn(wanted, bytes);
    at += bytes.length;
  }
  return at === content.size ? undefined : at;
}

function differenceIn(wanted: Uint8Array, found: Uint8Array): number {
  const index = wanted.findIndex((byte, at) => byte !== found[at]);
  return index < 0 ? wanted.length : index;
}

export function digestOfPart(content: Content, grid: Grid, index: number): Buffer {
  const start = partOffset(grid, index);
  return hash("sha256", bytesOf(content, start, start + partSizeAt(grid, index)), "buffer");
}

/** The digests of all parts, one after another. */
export function digestsOf(content: Content, grid: Grid): Buffer {
  const parts = Array.from({ length: partCount(grid) }, (_, index) => index);
  return Buffer.concat(parts.map((index) => digestOfPart(content, grid, index)));
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}
