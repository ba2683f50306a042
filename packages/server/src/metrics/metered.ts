// Storage and metadata store with a meter around them: the same interface, the same results.
import type { Change, Clock, MetadataStore, RegionStorage } from "@holdfast/engine";
import { isHoldfastError } from "@holdfast/protocol";
import type { Meter } from "./meter.ts";

export function meterStorage(storage: RegionStorage, meter: Meter, clock: Clock): RegionStorage {
  /** What the user's disk refuses because it is full is no failure of the storage. */
  function failed(operation: string, error: unknown): void {
    if (!isHoldfastError(error) || error.code !== "storage_full") meter.storageFailed(operation);
  }
  async function watch<T>(operation: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      failed(operation, error);
      throw error;
    }
  }
  return {
    kind: "regions",
    limits: storage.limits,
    transfer: storage.transfer,
    // Looked at from beside, not awaited: it is called for every slot.
    write(id, offset, slot, size) {
      const writing = storage.write(id, offset, slot, size);
      writing.then(
        () => meter.wrote(size),
        (error: unknown) => failed("write", error),
      );
      return writing;
    },
    async flush(id) {
      const before = clock.monotonic();
      await watch("flush", storage.flush(id));
      meter.flushed((clock.monotonic() - before) / 1000);
    },
    seal: (id, size) => watch("seal", storage.seal(id, size)),
    async read(object, offset, into, origin) {
      const size = await watch("read", storage.read(object, offset, into, origin));
      meter.read(size);
      return size;
    },
    put: (object, pieces) => watch("put", storage.put(object, pieces)),
    reset: (id) => watch("reset", storage.reset(id)),
    remove: (id) => watch("remove", storage.remove(id)),
    room: () => watch("room", storage.room()),
  };
}

export function meterMetadata(metadata: MetadataStore, meter: Meter, clock: Clock): MetadataStore {
  return {
    ...metadata,
    async apply(change: Change) {
      const before = clock.monotonic();
      await metadata.apply(change);
      meter.recorded(change.kind, (clock.monotonic() - before) / 1000);
      if (change.kind === "commit") meter.committed(change.parts.length);
    },
  };
}
