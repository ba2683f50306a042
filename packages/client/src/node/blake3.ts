// BLAKE3 of a part: native code where its package has some for this machine, else WebAssembly. Loaded with the first part that wants it.

type Blake3 = (bytes: Uint8Array) => Uint8Array;

let loading: Promise<Blake3> | undefined;

export async function blake3(bytes: Uint8Array): Promise<Uint8Array> {
  loading ??= load();
  return (await loading)(bytes);
}

async function load(): Promise<Blake3> {
  const native = await import("@napi-rs/blake-hash").catch(() => undefined);
  if (native) return (bytes) => new Uint8Array(native.blake3(bytes));
  const { createBLAKE3 } = await import("hash-wasm");
  const shared = await createBLAKE3();
  return (bytes) => new Uint8Array(shared.init().update(bytes).digest("binary"));
}
