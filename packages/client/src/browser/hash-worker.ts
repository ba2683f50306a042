// What the engine starts where bytes are digested by WebAssembly.
import { serveHasher } from "./serve-hasher.ts";
import { loadHasher } from "./wasm.ts";

globalThis.addEventListener("message", ({ ports: [port] }) => {
  if (port) serveHasher(port, loadHasher);
});
