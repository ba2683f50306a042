// Randomness from a seed: a failure is a seed.
import { createHash } from "node:crypto";
import type { Random } from "@holdfast/engine";

export interface SeededRandom extends Random {
  /** A whole number from 0 to `below` - 1. */
  whole(below: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
}

/** The stream SHA-256(seed, 0), SHA-256(seed, 1), ... */
export function createRandom(seed: string | number): SeededRandom {
  let block = new Uint8Array(0);
  let used = 0;
  let count = 0;
  function bytes(size: number): Uint8Array {
    const out = new Uint8Array(size);
    for (let at = 0; at < size; at++) {
      if (used === block.length) {
        block = createHash("sha256").update(`${seed}/${count++}`).digest();
        used = 0;
      }
      out[at] = block[used++] ?? 0;
    }
    return out;
  }
  const fraction = (): number => new DataView(bytes(4).buffer).getUint32(0) / 2 ** 32;
  return {
    bytes,
    whole: (below) => Math.floor(fraction() * below),
    chance: (probability) => fraction() < probability,
  };
}
