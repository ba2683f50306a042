// SHA-256 (FIPS 180-4) that answers at once: for trees and checkpoints, which hash a few bytes many times in a row, and where a page may load no WebAssembly.
import type { Hasher } from "../ports.ts";

const BLOCK = 64;

/** The first 32 bits of the fractions of a root of each of the first primes. */
function fractions(count: number, exponent: number): Int32Array {
  const words: number[] = [];
  for (let candidate = 2; words.length < count; candidate++) {
    let isPrime = true;
    for (let by = 2; by * by <= candidate; by++) if (candidate % by === 0) isPrime = false;
    const root = candidate ** exponent;
    if (isPrime) words.push(((root - Math.floor(root)) * 2 ** 32) | 0);
  }
  return Int32Array.from(words);
}

const ROUNDS: Int32Array = fractions(64, 1 / 3);
const FIRST: Int32Array = fractions(8, 1 / 2);

const turn = (word: number, by: number) => (word >>> by) | (word << (32 - by));
const word = (words: Int32Array, at: number) => words[at] ?? 0;

function compress(state: Int32Array, block: DataView, at: number, w: Int32Array): void {
  for (let i = 0; i < 16; i++) w[i] = block.getInt32(at + i * 4);
  for (let i = 16; i < 64; i++) {
    const early = word(w, i - 15);
    const late = word(w, i - 2);
    const s0 = turn(early, 7) ^ turn(early, 18) ^ (early >>> 3);
    const s1 = turn(late, 17) ^ turn(late, 19) ^ (late >>> 10);
    w[i] = word(w, i - 16) + s0 + word(w, i - 7) + s1;
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let i = 0; i < 64; i++) {
    const s1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + word(ROUNDS, i) + word(w, i)) | 0;
    const s0 = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  const worked = [a, b, c, d, e, f, g, h];
  for (let i = 0; i < 8; i++) state[i] = word(state, i) + (worked[i] ?? 0);
}

export function createSha256(): Hasher {
  const state = FIRST.slice();
  const schedule = new Int32Array(64);
  const rest = new Uint8Array(BLOCK);
  const restView = new DataView(rest.buffer);
  let size = 0;

  function update(bytes: Uint8Array): void {
    let at = 0;
    const held = size % BLOCK;
    size += bytes.length;
    if (held > 0) {
      at = Math.min(BLOCK - held, bytes.length);
      rest.set(bytes.subarray(0, at), held);
      if (held + at < BLOCK) return;
      compress(state, restView, 0, schedule);
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (; at + BLOCK <= bytes.length; at += BLOCK) compress(state, view, at, schedule);
    rest.set(bytes.subarray(at));
  }

  return {
    update,
    digest() {
      const bits = size * 8;
      const padding = new Uint8Array(BLOCK + 8 - ((size + 8) % BLOCK));
      padding[0] = 0x80;
      const tail = new DataView(padding.buffer, padding.length - 8);
      tail.setUint32(0, Math.floor(bits / 2 ** 32));
      tail.setUint32(4, bits >>> 0);
      update(padding);
      const out = new Uint8Array(32);
      const view = new DataView(out.buffer);
      for (const [i, value] of state.entries()) view.setInt32(i * 4, value);
      return out;
    },
  };
}

export function sha256(bytes: Uint8Array): Uint8Array {
  const hasher = createSha256();
  hasher.update(bytes);
  return hasher.digest();
}
