// The bytes of one part of a partial, in order, from whichever kind of storage has them.
import { HoldfastError, partOffset, partSizeAt } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import type { PartStorage, RegionStorage } from "./ports.ts";
import type { UploadRecord } from "./records.ts";
import { readPlaced } from "./stored.ts";

export interface PartReader {
  /** Resolves with true when bytes can be read; with false where it was interrupted before there were any. */
  ready(): Promise<boolean>;
  /** Copies into `into` what is there; resolves with how many bytes that are. */
  read(into: Uint8Array): Promise<number>;
  /** Whoever waits for bytes waits no longer. */
  interrupt(): void;
  /** Nothing is read any more. */
  close(): void;
}

export function createPartReader(
  { storage }: Context,
  record: UploadRecord,
  index: number,
): PartReader {
  if (storage.kind === "parts") return readerOfObject(storage, record, index);
  return readerOfRegion(storage, record, index);
}

/** A disk answers soon. */
function readerOfRegion(storage: RegionStorage, record: UploadRecord, index: number): PartReader {
  const object = { id: record.id, kind: "bytes" } as const;
  let at = partOffset(record, index);
  return {
    ready: () => Promise.resolve(true),
    async read(into) {
      const size = await storage.read(object, at, into);
      if (size < into.length) throw damaged(record, index);
      at += size;
      return size;
    },
    interrupt: () => undefined,
    close: () => undefined,
  };
}

/** A request for each part, so that none of them holds a connection for long. A store that is away is waited for by nobody who ends this. */
function readerOfObject(
  storage: PartStorage,
  { id, place, ...grid }: UploadRecord,
  index: number,
): PartReader {
  const start = partOffset(grid, index);
  const range = { start, end: start + partSizeAt(grid, index) };
  const object = { id, kind: "bytes", ...(place === undefined ? {} : { place }) } as const;
  const pieces = readPlaced(storage, object, range);
  let left = range.end - range.start;
  let rest = new Uint8Array();
  let isClosed = false;
  let pending: Promise<void> | undefined;
  let wake: () => void = () => undefined;

  async function fetchNext(): Promise<void> {
    const result = await pieces.next();
    pending = undefined;
    if (!result.done) rest = new Uint8Array(result.value);
  }

  return {
    async ready() {
      if (rest.length > 0 || isClosed) return rest.length > 0;
      pending ??= fetchNext();
      const { promise: interrupted, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      await Promise.race([pending, interrupted]);
      return rest.length > 0;
    },
    async read(into) {
      const taken = rest.subarray(0, into.length);
      into.set(taken);
      rest = rest.subarray(taken.length);
      left -= taken.length;
      // A connection that was read to its end may be used again.
      if (left === 0) pieces.next().catch(() => undefined);
      return taken.length;
    },
    interrupt: () => wake(),
    close() {
      wake();
      if (isClosed || left === 0) return;
      isClosed = true;
      pending?.catch(() => undefined);
      pieces.return().catch(() => undefined);
    },
  };
}

/** Nothing of such a partial is to be used: its bytes are others, or not there. */
export function damaged({ id }: UploadRecord, index: number): HoldfastError {
  const message = `part ${index} of partial ${id} is not as it was committed`;
  return new HoldfastError("storage_failed", message, { isDamaged: true });
}
