// An upload in memory: its record, which parts are committed, who is writing. One object an upload, kept while anybody uses it.
import {
  computeRoot,
  contiguousParts,
  countParts,
  createPartSet,
  HoldfastError,
  isUploadId,
  type PartSet,
  partCount,
  type Sha256,
  type UploadId,
} from "@holdfast/protocol";
import type { Claim } from "./claims.ts";
import type { MetadataStore } from "./ports.ts";
import type { UploadRecord } from "./records.ts";

/** What the only process that writes an upload knows of it. It never runs ahead of the metadata store: every field changes after the change is durable. */
export interface Upload {
  record: UploadRecord;
  readonly committed: PartSet;
  /** 32 bytes a part, zeros where it is not committed. */
  readonly digests: Uint8Array;
  readonly claims: Set<Claim>;
  /** Under way while the file is being published; whoever asks meanwhile waits for it. */
  publishing?: Promise<void>;
  /** Under way after an I/O error, until what is committed has been read back. */
  healing?: Promise<void>;
  /** Requests that hold this object now. */
  holders: number;
}

/** The uploads in memory. */
export interface Uploads {
  /**
   * Runs `work` with the upload, which stays the one object of that upload meanwhile.
   * @throws HoldfastError `upload_not_found`
   */
  use<T>(id: string, work: (upload: Upload) => Promise<T>): Promise<T>;
  /** All that are in memory. */
  all(): Iterable<Upload>;
}

/** Digests that idle uploads may keep in memory, in bytes: two uploads of 100,000 parts and a great many small ones. */
const IDLE_BYTES_MAX = 8 * 1024 * 1024;

/** @param onLoad Awaited before anybody uses an upload that was not in memory. */
export function createUploads(
  metadata: MetadataStore,
  onLoad: (upload: Upload) => Promise<void>,
): Uploads {
  const known = new Map<UploadId, Promise<Upload>>();
  const loaded = new Map<UploadId, Upload>();

  function load(id: UploadId): Promise<Upload> {
    const present = known.get(id);
    if (present) return present;
    const loading = loadUpload(metadata, id).then(async (upload) => {
      await onLoad(upload);
      return upload;
    });
    known.set(id, loading);
    loading.then(
      (upload) => loaded.set(id, upload),
      () => known.delete(id),
    );
    return loading;
  }

  /** Idle uploads go, the one that was used longest ago first, until the rest is small. */
  function trim(): void {
    let bytes = 0;
    for (const { digests } of loaded.values()) bytes += digests.length + 1024;
    for (const [id, upload] of loaded) {
      if (bytes <= IDLE_BYTES_MAX) return;
      if (upload.holders > 0 || upload.claims.size > 0 || upload.healing) continue;
      bytes -= upload.digests.length + 1024;
      loaded.delete(id);
      known.delete(id);
    }
  }

  return {
    all: () => loaded.values(),
    async use(id, work) {
      if (!isUploadId(id)) throw new HoldfastError("upload_not_found");
      const upload = await load(id);
      upload.holders++;
      loaded.delete(id);
      loaded.set(id, upload);
      try {
        return await work(upload);
      } finally {
        upload.holders--;
        trim();
      }
    },
  };
}

async function loadUpload(metadata: MetadataStore, id: UploadId): Promise<Upload> {
  const record = await metadata.upload(id);
  if (!record) throw new HoldfastError("upload_not_found");
  const table = await metadata.parts(id);
  return {
    record,
    committed: createPartSet(partCount(record), table.bits),
    digests: table.digests,
    claims: new Set(),
    holders: 0,
  };
}

/** Contiguous committed bytes from 0. */
export function offsetOf(upload: Upload): number {
  const { size, partSize } = upload.record;
  return Math.min(size, contiguousParts(upload.committed) * partSize);
}

export function committedCount(upload: Upload): number {
  return countParts(upload.committed);
}

/** The root over the committed parts; only where all are committed does it name a file. */
export function rootOf({ record, digests }: Upload, sha256: Sha256): Uint8Array {
  const { size, partSize, algorithm } = record;
  return computeRoot(sha256, { size, partSize, algorithm, digests });
}
