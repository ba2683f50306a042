// BLAKE3: native code where its package has some for this machine, else WebAssembly, some ten times slower.
import type { RunningDigest } from "@holdfast/engine";

type Create = () => RunningDigest;

/** Undefined where there is no native code for this machine: the package is optional. */
export async function loadNativeBlake3(): Promise<Create | undefined> {
  const native = await import("@napi-rs/blake-hash").catch(() => undefined);
  if (!native) return undefined;
  return () => {
    const running = new native.Blake3Hasher();
    const digest = () => new Uint8Array(running.digestBuffer());
    return { update: (bytes) => void running.update(bytes), snapshot: digest, digest };
  };
}

/** One instance for all: every digest takes its state in and out, which is less than 2 KiB. */
export async function loadWasmBlake3(): Promise<Create> {
  const { createBLAKE3 } = await import("hash-wasm");
  const shared = await createBLAKE3();
  const fresh = shared.init().save();
  return () => {
    let state = fresh;
    const digest = () => new Uint8Array(shared.load(state).digest("binary"));
    return {
      update(bytes) {
        state = shared.load(state).update(bytes).save();
      },
      snapshot: digest,
      digest,
    };
  };
}

export const createBlake3: Create = (await loadNativeBlake3()) ?? (await loadWasmBlake3());
