// Memory for the runs in flight, used again and again: a buffer is lent to one run at a time.

/** How memory begins: anywhere, or where a page does, as whoever writes past the page cache needs it. */
export type MemoryKind = "any" | "pages";

export interface Buffers {
  /** A view of `size` bytes that nobody else has until it is given back. */
  take(size: number): Uint8Array;
  /** Only once nothing refers to it any more: no read, no digest, no request. */
  give(view: Uint8Array): void;
}

/** Keeps at most as many buffers as were lent at once; the scheduler bounds that. */
export function createBuffers(kind: () => MemoryKind = () => "any"): Buffers {
  const free: ArrayBufferLike[] = [];
  return {
    take(size) {
      const at = free.findIndex((buffer) => buffer.byteLength >= size);
      const [found] = at < 0 ? [] : free.splice(at, 1);
      // One that is too small is let go, so that what is kept never exceeds what is lent.
      if (!found) free.pop();
      return new Uint8Array(found ?? memoryOf(kind(), size), 0, size);
    },
    give(view) {
      free.push(view.buffer);
    },
  };
}

/** Memory that may grow is what V8 begins at a page. Where it begins elsewhere, the first write finds out; and no browser digests such memory. */
export function memoryOf(kind: MemoryKind, size: number): ArrayBuffer {
  return kind === "pages" ? new ArrayBuffer(size, { maxByteLength: size }) : new ArrayBuffer(size);
}
