// Storage and metadata store with a meter around them: the same interface, the same results.
import type {
  Change,
  Clock,
  MetadataStore,
  PartStorage,
  RegionStorage,
  SendStored,
  Storage,
} from "@holdfast/engine";
import { isHoldfastError } from "@holdfast/protocol";
import type { Meter } from "./meter.ts";

export function meterStorage(storage: Storage, meter: Meter, clock: Clock): Storage {
  return storage.kind === "regions"
    ? meterRegions(storage, meter, clock)
    : meterParts(storage, meter);
}

type Watch = <T>(operation: string, work: Promise<T>) => Promise<T>;

/** What the user's disk refuses because it is full is no failure of the storage. */
function failed(meter: Meter, operation: string, error: unknown): void {
  if (!isHoldfastError(error) || error.code !== "storage_full") meter.storageFailed(operation);
}

function watching(meter: Meter): Watch {
  return async (operation, work) => {
    try {
      return await work;
    } catch (error) {
      failed(meter, operation, error);
      throw error;
    }
  };
}

export function meterRegions(storage: RegionStorage, meter: Meter, clock: Clock): RegionStorage {
  const watch = watching(meter);
  return {
    kind: "regions",
    limits: storage.limits,
    transfer: storage.transfer,
    // Looked at from beside, not awaited: it is called for every slot.
    write(id, offset, slot, size) {
      const writing = storage.write(id, offset, slot, size);
      writing.then(
        () => meter.wrote(size),
        (error: unknown) => failed(meter, "write", error),
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

/** What the kernel sends is read all the same. */
export function meterSend(send: SendStored, meter: Meter): SendStored {
  return async (object, range, outlet, state) => {
    const size = await send(object, range, outlet, state);
    if (size !== undefined) meter.read(size);
    return size;
  };
}

export function meterParts(storage: PartStorage, meter: Meter): PartStorage {
  const watch = watching(meter);
  const { objects } = storage;
  return {
    ...storage,
    objects: {
      isStaged: (place) => objects.isStaged(place),
      async *read(object, range) {
        try {
          for await (const piece of objects.read(object, range)) {
            meter.read(piece.length);
            yield piece;
          }
        } catch (error) {
          failed(meter, "read", error);
          throw error;
        }
      },
      address: (place, terms) => watch("sign", objects.address(place, terms)),
      put: (object, bytes) => watch("put", objects.put(object, bytes)),
      remove: (object) => watch("remove", objects.remove(object)),
      removeTails: (id, isSpent, home) => watch("remove", objects.removeTails(id, isSpent, home)),
      list: () => objects.list(),
      removeAll: (id, home) => watch("remove", objects.removeAll(id, home)),
    },
    begin: (id, type, home, form) => watch("begin", storage.begin(id, type, home, form)),
    async putPart(place, part, body, signal) {
      await watch("write", storage.putPart(place, part, body, signal));
      meter.wrote(part.size);
    },
    sign: (place, parts, lifeMs) => watch("sign", storage.sign(place, parts, lifeMs)),
    listed: (place, start, end) => watch("list", storage.listed(place, start, end)),
    assemble: (place, parts) => watch("assemble", storage.assemble(place, parts)),
    discard: (place) => watch("remove", storage.discard(place)),
  };
}

export function meterMetadata(metadata: MetadataStore, meter: Meter, clock: Clock): MetadataStore {
  return {
    ...metadata,
    async apply(change: Change) {
      const before = clock.monotonic();
      const version = await metadata.apply(change);
      meter.recorded(change.kind, (clock.monotonic() - before) / 1000);
      if (change.kind === "commit") meter.committed(change.parts.length);
      return version;
    },
  };
}
