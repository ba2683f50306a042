// Digests in browsers: by WebCrypto, or by workers of ours where it is not to be had or would cost too much memory.
import { type Algorithm, MIB } from "@holdfast/protocol";
import type { Digester } from "../ports.ts";
import { createHashPool, type HashPool, type Machine, workersFor } from "./hash-pool.ts";
import { plainView } from "./platform.ts";
import { createSha256, sha256 } from "./sha256.ts";

/** WebCrypto takes a copy of all of a part; what is larger goes piece by piece. In bytes. */
const WHOLE_MAX: number = 16 * MIB;

/** For all transfers of a page. */
export function createBrowserDigester(): Digester {
  let pool: HashPool | undefined;
  // It is there only where nobody can have altered the page on its way: https, or this machine.
  const subtle: SubtleCrypto | undefined = globalThis.crypto.subtle;

  async function digestInPool(bytes: Uint8Array, algorithm: Algorithm): Promise<Uint8Array> {
    try {
      const machine: Machine = navigator;
      pool ??= createHashPool(workersFor(machine), startHasher);
      return await pool.digest(bytes, algorithm);
    } catch {
      // No worker is to be had: then here, where everything else waits for it.
      const { loadHasher } = await import("./wasm.ts");
      const hasher = (await loadHasher(algorithm))();
      hasher.update(bytes);
      return hasher.digest();
    }
  }

  return {
    sha256,
    hasher: createSha256,
    async digest(bytes, algorithm) {
      const isForSubtle = algorithm === "sha-256" && bytes.length <= WHOLE_MAX;
      if (!subtle || !isForSubtle) return digestInPool(bytes, algorithm);
      return new Uint8Array(await subtle.digest("SHA-256", plainView(bytes)));
    },
  };
}

function startHasher(): Worker {
  // In one expression, by which bundlers know a worker's script.
  return new Worker(new URL("./hash-worker.ts", import.meta.url), {
    type: "module",
    name: "holdfast-hash",
  });
}
