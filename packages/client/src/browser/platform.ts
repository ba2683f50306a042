// What a browser gives every transfer, in a page and in a worker: time and chance.
import type { Clock, Random } from "../ports.ts";

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

/** The same bytes in memory that belongs to nobody else: what the interfaces of browsers take. */
export function plainView(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = bytes;
  return buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer, byteOffset, length)
    : new Uint8Array(bytes);
}
