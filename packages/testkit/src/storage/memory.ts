// A storage in memory, for tests of everything above the port: it keeps the same rules as a real one and never fails by itself.
import type { RegionStorage, Slot, StoredObject } from "@holdfast/engine";
import {
  type GridLimits,
  HoldfastError,
  isUploadId,
  KIB,
  PART_SIZE_STEP,
  SIZE_MAX,
  type TransferWay,
  type UploadId,
} from "@holdfast/protocol";

export interface MemoryStorageOptions {
  readonly limits?: Partial<GridLimits>;
  readonly transfer?: TransferWay;
  /** Bytes that fit before `storage_full`. */
  readonly capacity?: number;
}

interface Stored {
  bytes: Uint8Array;
  manifest: Uint8Array;
  isSealing: boolean;
}

const ALIGNMENT = 4 * KIB;

export function createMemoryStorage(options: MemoryStorageOptions = {}): RegionStorage {
  const uploads = new Map<UploadId, Stored>();
  const capacity = options.capacity ?? 1024 * 1024 * KIB;
  const used = () => {
    let size = 0;
    for (const { bytes, manifest } of uploads.values()) size += bytes.length + manifest.length;
    return size;
  };
  const stored = (id: UploadId): Stored => {
    const known = uploads.get(requireId(id));
    if (known) return known;
    const fresh = { bytes: new Uint8Array(), manifest: new Uint8Array(), isSealing: false };
    uploads.set(id, fresh);
    return fresh;
  };
  const requireRoom = (size: number) => {
    if (used() + size > capacity) throw new HoldfastError("storage_full");
  };

  return {
    kind: "regions",
    limits: {
      partSizeMin: PART_SIZE_STEP,
      partSizeMax: 1024 * 1024 * KIB,
      partCountMax: 100_000,
      sizeMax: SIZE_MAX,
      ...options.limits,
    },
    transfer: options.transfer ?? "server",

    async write(id, offset, slot, size) {
      requireAligned(offset, slot, size);
      const upload = stored(id);
      if (upload.isSealing) throw new HoldfastError("upload_not_open");
      requireRoom(Math.max(0, offset + size - upload.bytes.length));
      upload.bytes = grown(upload.bytes, offset + size);
      upload.bytes.set(slot.memory.subarray(0, size), offset);
    },

    async flush(id) {
      requireId(id);
    },

    async seal(id, size) {
      const upload = stored(id);
      if (upload.bytes.length < size) {
        throw new HoldfastError("storage_failed", "the stored bytes are fewer than the upload has");
      }
      upload.isSealing = true;
      // Writes that were issued before have happened; those that are issued meanwhile meet a seal under way, as on a disk.
      await Promise.resolve();
      upload.bytes = upload.bytes.slice(0, size);
      upload.isSealing = false;
    },

    async read(object: StoredObject, offset, into) {
      const upload = uploads.get(requireId(object.id));
      const found = upload?.[object.kind].subarray(offset, offset + into.length);
      if (found) into.set(found);
      return found?.length ?? 0;
    },

    async put({ id, kind }, pieces) {
      const upload = stored(id);
      const bytes = Buffer.concat([...pieces].map((piece) => piece.slice()));
      requireRoom(bytes.length - upload[kind].length);
      upload[kind] = bytes;
    },

    async reset(id) {
      requireId(id);
    },

    async remove(id) {
      uploads.delete(requireId(id));
    },

    async room() {
      return Math.max(0, capacity - used());
    },
  };
}

function requireId(id: UploadId): UploadId {
  if (!isUploadId(id)) throw new HoldfastError("internal", "not an upload's id");
  return id;
}

function requireAligned(offset: number, slot: Slot, size: number): void {
  const isFitting = Number.isSafeInteger(offset) && offset >= 0 && offset % ALIGNMENT === 0;
  if (!isFitting || size < 0 || size > slot.memory.length) {
    throw new HoldfastError("internal", "a write must begin at a multiple of 4 KiB, in its slot");
  }
}

/** `bytes` with room up to `size`, zeros where nothing was written; the buffer behind it doubles, so that many small writes stay cheap. */
function grown(bytes: Uint8Array, size: number): Uint8Array {
  if (size <= bytes.length) return bytes;
  if (bytes.byteOffset + size <= bytes.buffer.byteLength) {
    return new Uint8Array(bytes.buffer, bytes.byteOffset, size);
  }
  const larger = new Uint8Array(Math.max(size, bytes.length * 2));
  larger.set(bytes);
  return larger.subarray(0, size);
}
