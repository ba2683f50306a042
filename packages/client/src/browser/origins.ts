// Which bytes in memory were read from which Blob: a body of them need not be carried back to the browser, which can read them by itself.

export interface Origins {
  /** From now on this memory holds what begins at `offset` of the Blob. */
  note(into: Uint8Array, blob: Blob, offset: number): void;
  /** The same bytes as a part of the Blob that they come from, where they come from one. */
  find(bytes: Uint8Array): Blob | undefined;
}

interface Origin {
  readonly blob: Blob;
  /** In the Blob, of the memory's first byte that was read, and where that is in the memory. */
  readonly offset: number;
  readonly at: number;
  readonly size: number;
}

export function createOrigins(): Origins {
  const known = new WeakMap<ArrayBufferLike, Origin>();
  return {
    note({ buffer, byteOffset, length }, blob, offset) {
      known.set(buffer, { blob, offset, at: byteOffset, size: length });
    },
    find({ buffer, byteOffset, length }) {
      const origin = known.get(buffer);
      if (!origin) return undefined;
      const from = byteOffset - origin.at;
      if (from < 0 || from + length > origin.size) return undefined;
      return origin.blob.slice(origin.offset + from, origin.offset + from + length);
    },
  };
}
