// Digests for vectors: every leaf follows from its index, so that the files stay small.
import { hash } from "node:crypto";
import { encodeHex, type Leaves } from "../../src/index.ts";

export const MIB: number = 1024 * 1024;

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(hash("sha256", bytes, "buffer"));
}

export function sha256Hex(text: string): string {
  return encodeHex(sha256(new TextEncoder().encode(text)));
}

/** The digest of part i in every vector that gives no digests: SHA-256 of i as 8 bytes, big-endian. */
export function digestOf(index: number): Uint8Array {
  const number = new DataView(new ArrayBuffer(8));
  number.setBigUint64(0, BigInt(index));
  return sha256(new Uint8Array(number.buffer));
}

export function digestsOf(count: number): Uint8Array {
  const digests = new Uint8Array(count * 32);
  for (let index = 0; index < count; index++) digests.set(digestOf(index), index * 32);
  return digests;
}

export function leavesOf(
  count: number,
  size: number,
  partSize: number,
  algorithm: Leaves["algorithm"] = "sha-256",
): Leaves {
  return { size, partSize, algorithm, digests: digestsOf(count) };
}
