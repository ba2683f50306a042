// What a browser gives every transfer, in a page and in a worker: time, chance, digests.
import type { Algorithm } from "@holdfast/protocol";
import type { Clock, Digester, Random } from "../ports.ts";
import { createSha256, sha256 } from "./sha256.ts";

export const browserClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, task) {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};

export const browserRandom: Random = {
  bytes: (size) => crypto.getRandomValues(new Uint8Array(size)),
};

export const browserDigester: Digester = {
  sha256,
  digest: digestPart,
  hasher: createSha256,
};

/** WebCrypto digests on threads of its own; it is there only where nobody can have altered the page on its way (https, or this machine). */
async function digestPart(bytes: Uint8Array, algorithm: Algorithm): Promise<Uint8Array> {
  const subtle: SubtleCrypto | undefined = globalThis.crypto.subtle;
  if (algorithm === "sha-256" && subtle !== undefined) {
    return new Uint8Array(await subtle.digest("SHA-256", plainView(bytes)));
  }
  const { digestByWasm } = await import("./wasm.ts");
  return digestByWasm(bytes, algorithm);
}

/** The same bytes in memory that belongs to nobody else: what the interfaces of browsers take. */
export function plainView(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = bytes;
  return buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer, byteOffset, length)
    : new Uint8Array(bytes);
}
