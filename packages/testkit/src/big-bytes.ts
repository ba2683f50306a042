// Many bytes quickly, no two blocks of them alike.
import { createRandom } from "./random.ts";

const BLOCK = 64 * 1024;

export function bigBytes(seed: string, size: number): Uint8Array {
  const block = createRandom(seed).bytes(BLOCK);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < size; at += BLOCK) {
    bytes.set(block.subarray(0, Math.min(BLOCK, size - at)), at);
    if (at + 4 <= size) view.setUint32(at, at);
  }
  return bytes;
}
