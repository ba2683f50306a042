// Bytes that are made instead of read, so that a bench measures the line and the server and no disk of this machine.
import { randomBytes } from "node:crypto";
import type { Sink, Source } from "@holdfast/client";

const BLOCK = 1024 * 1024;
/** Every so many bytes the offset is written over what is there: no two parts are the same. */
const STAMP_EVERY = 64 * 1024;

/** A source of `size` bytes that nothing can compress or find twice. */
export function generatedSource(name: string, size: number): Source {
  const block = randomBytes(BLOCK);
  const now = Date.now();
  return {
    name,
    identity: `generated:${name}`,
    fingerprint: { size, mtimeMs: now, ctimeMs: now, ino: 0 },
    async read(offset, into) {
      for (let at = 0; at < into.length; ) {
        const from = (offset + at) % BLOCK;
        const piece = block.subarray(from, Math.min(BLOCK, from + into.length - at));
        into.set(piece, at);
        at += piece.length;
      }
      stamp(offset, into);
    },
    isChanged: async () => false,
    close: async () => undefined,
  };
}

function stamp(offset: number, into: Uint8Array): void {
  const view = new DataView(into.buffer, into.byteOffset, into.length);
  const first = (STAMP_EVERY - (offset % STAMP_EVERY)) % STAMP_EVERY;
  for (let at = first; at + 8 <= into.length; at += STAMP_EVERY) {
    view.setBigUint64(at, BigInt(offset + at));
  }
}

/** A sink that keeps nothing; the client has verified every part before it comes here. */
export function forgettingSink(name: string): Sink {
  return {
    identity: `forgotten:${name}`,
    working: "beside",
    existingSize: async () => undefined,
    open: async () => ({ size: 0, mark: "", note: undefined }),
    read: async () => 0,
    memory: "any",
    write: async () => undefined,
    note: async () => undefined,
    commit: async () => undefined,
    discard: async () => undefined,
    close: async () => undefined,
  };
}
