// What the engine starts where bytes are digested by WebAssembly: it takes a part piece by piece.
import type { Hasher } from "../ports.ts";
import type { FromHasher, ToHasher } from "./hash-messages.ts";
import { loadHasher } from "./wasm.ts";

globalThis.addEventListener("message", ({ ports: [port] }) => {
  if (port) serveHasher(port);
});

function serveHasher(port: MessagePort): void {
  let hasher: Hasher | undefined;
  port.onmessage = async ({ data }: MessageEvent<ToHasher>) => {
    const { algorithm, piece, isFirst, isLast } = data;
    // The one who sends waits for the answer: nothing comes meanwhile.
    if (isFirst) hasher = (await loadHasher(algorithm))();
    hasher?.update(piece);
    const digest = isLast && hasher ? new Uint8Array(hasher.digest()) : undefined;
    const answer: FromHasher = { piece, digest };
    port.postMessage(answer, [piece.buffer]);
  };
}
