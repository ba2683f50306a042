// Digests by WebAssembly, loaded with the first part that wants one: SHA-256 where there is no WebCrypto or a part is large, and BLAKE3.
import { type Algorithm, HoldfastError } from "@holdfast/protocol";
import { createBLAKE3, createSHA256, type IHasher } from "hash-wasm";
import type { Hasher } from "../ports.ts";
import { createSha256 } from "./sha256.ts";

const loading = new Map<Algorithm, Promise<IHasher | undefined>>();

/**
 * Resolves with what begins a digest: one at a time for each algorithm. A page whose policy allows no WebAssembly (`wasm-unsafe-eval`) still gets its SHA-256.
 * @throws HoldfastError `digest_unsupported` where BLAKE3 is asked for then
 */
export async function loadHasher(algorithm: Algorithm): Promise<() => Hasher> {
  const hasher = await hasherOf(algorithm);
  if (!hasher) return createSha256;
  return () => {
    hasher.init();
    return { update: (bytes) => void hasher.update(bytes), digest: () => hasher.digest("binary") };
  };
}

function hasherOf(algorithm: Algorithm): Promise<IHasher | undefined> {
  const known = loading.get(algorithm);
  if (known) return known;
  const loaded =
    algorithm === "blake3" ? createBLAKE3().catch(refuse) : createSHA256().catch(() => undefined);
  loading.set(algorithm, loaded);
  return loaded;
}

function refuse(error: unknown): never {
  const why =
    "BLAKE3 is digested by WebAssembly, which this page may not load: its policy has to allow `script-src 'wasm-unsafe-eval'`";
  throw new HoldfastError("digest_unsupported", why, {}, error);
}
