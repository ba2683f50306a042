// Digests by WebAssembly, loaded with the first part that wants one: SHA-256 where there is no WebCrypto, and BLAKE3.
import type { Algorithm } from "@holdfast/protocol";
import { createBLAKE3, createSHA256, type IHasher } from "hash-wasm";
import { sha256 } from "./sha256.ts";

const loading = new Map<Algorithm, Promise<IHasher | undefined>>();

/** A page whose policy allows no WebAssembly (`wasm-unsafe-eval`) still gets its SHA-256, some times slower. */
export async function digestByWasm(bytes: Uint8Array, algorithm: Algorithm): Promise<Uint8Array> {
  const hasher = await hasherOf(algorithm);
  if (!hasher) return sha256(bytes);
  // From here on nothing waits: one hasher serves everybody in turn.
  return hasher.init().update(bytes).digest("binary");
}

function hasherOf(algorithm: Algorithm): Promise<IHasher | undefined> {
  const known = loading.get(algorithm);
  if (known) return known;
  const loaded = algorithm === "blake3" ? createBLAKE3() : createSHA256().catch(() => undefined);
  loading.set(algorithm, loaded);
  return loaded;
}
