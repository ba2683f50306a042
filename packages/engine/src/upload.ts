// An upload in memory: its record, which parts are committed, who is writing. One object an upload, kept while anybody uses it.
import {
  contiguousParts,
  countParts,
  createPartSet,
  DIGEST_SIZE,
  HoldfastError,
  isUploadId,
  missingRanges,
  type PartRange,
  type PartSet,
  partCount,
  type UploadId,
} from "@holdfast/protocol";
import type { Claim } from "./claims.ts";
import type { FreshPiece } from "./fresh.ts";
import type { HostClaim } from "./host-claim.ts";
import type { MetadataStore } from "./ports.ts";
import type { Pulse } from "./pulse.ts";
import type { PartTable, Place, Tail, UploadRecord } from "./records.ts";
import type { SharedStream } from "./shared-stream.ts";
import type { FillingPart } from "./tail.ts";

/** What the only process that writes an upload knows of it. It never runs ahead of the metadata store: every field changes after the change is durable. */
export interface Upload {
  record: UploadRecord;
  /** Made anew, as the digests are, when the size is fixed. */
  committed: PartSet;
  /** Parts whose digest is settled: the committed ones, and in a place those that may be on their way there. */
  bound: PartSet;
  /** 32 bytes a part, zeros where it is not bound; while the size is unknown only as many as there is use for. Parts are added in place; a withdrawal makes another array, so that whoever is reading one has it to the end. */
  digests: Uint8Array;
  readonly claims: Set<Claim>;
  /** The epoch that the parts here are of: the record may be ahead while an append of ours leaves something out. */
  partsEpoch: number;
  /** Versions of the record that changes of this server have made, and that are noted here, behind others that are not. */
  readonly ownVersions: Set<number>;
  /** The claim that this server has of it among those that share its record. */
  held?: HostClaim;
  /** Under way while that is being taken. */
  taking?: Promise<unknown>;
  /** Counts requests that end appends: of those that wait the newest goes on. */
  appendTurn: number;
  /** What an append has left of the part with this tail, so that the next one need not read it back. */
  filling?: { readonly tail: Tail; readonly part: FillingPart };
  /** Set by the one append that has a claim: hears the offset after each of its commits. */
  onAppended?: (offset: number) => void;
  /** Under way while the size is being fixed: nobody begins to write meanwhile. */
  fixing?: Promise<void>;
  /** Under way while a place for the parts is begun. */
  placing?: Promise<Place>;
  /** Under way while another place is begun for one that the store has dropped. */
  moving?: Promise<void>;
  /** Slots that parts on their way into a store of parts may fill. */
  gathering: number;
  /** Under way while the file is being published; whoever asks meanwhile waits for it. */
  publishing?: Promise<void>;
  /** Under way while a final is put together and published, here or at another server that is waited for. */
  driving?: Promise<void>;
  /** Under way while a file's bytes are read once more before they are published; aborted, publishing ends with that reason. */
  proving?: AbortController;
  /** Under way after an I/O error, until what is committed has been read back. */
  healing?: Promise<void>;
  /** Those who follow it and wait for what comes. */
  pulse?: Pulse;
  /** What is being read of it before it is a file, */
  fresh?: Set<FreshPiece>;
  /** from which streams of a store, where it comes from one, */
  shared?: Set<SharedStream>;
  /** and by how many, */
  readers: number;
  /** of whom so many have a stream of their own from a store. */
  streams: number;
  /** Hashes of whole subtrees of the root's tree (`root.ts`), by their place. */
  readonly subtrees: Map<number, Uint8Array>;
  /** The root, once it was computed over all parts; a withdrawal forgets it. */
  root?: Uint8Array;
}

/** The uploads in memory. */
export interface Uploads {
  /**
   * Runs `work` with the upload, which stays the one object of that upload meanwhile.
   * @throws HoldfastError `upload_not_found`
   */
  use<T>(id: string, work: (upload: Upload) => Promise<T>): Promise<T>;
  /** The one that is in memory under this id. */
  held(id: UploadId): Upload | undefined;
  /** Forgets an upload whose record is gone: who holds it has an object that no change will be made of any more. */
  drop(id: UploadId): void;
  /** All that are in memory. */
  all(): readonly Upload[];
}

/** Idle uploads that stay in memory at most, and their digests in bytes: two uploads of 100,000 parts. */
const IDLE_MAX = 256;
const IDLE_BYTES_MAX = 8 * 1024 * 1024;

/** From the moment that somebody asks for it, so that no second object can come into being while the first is on its way. */
interface Entry {
  readonly loading: Promise<Upload>;
  upload?: Upload;
  /** Requests that hold it or wait for it. */
  holders: number;
}

/** Awaited before anybody uses an upload: one that was not in memory, and one that was. */
export interface UploadHooks {
  readonly onLoad: (upload: Upload) => Promise<void>;
  readonly onReuse?: (upload: Upload) => Promise<void>;
}

export function createUploads(metadata: MetadataStore, { onLoad, onReuse }: UploadHooks): Uploads {
  // In the order of their last use: a Map keeps insertions in order.
  const entries = new Map<UploadId, Entry>();

  async function load(id: UploadId): Promise<Upload> {
    const upload = await loadUpload(metadata, id);
    await onLoad(upload);
    return upload;
  }

  /** Idle uploads go, the one that was used longest ago first, until the rest is small. */
  function trim(): void {
    let bytes = 0;
    for (const { upload } of entries.values()) bytes += upload?.digests.length ?? 0;
    for (const [id, { upload, holders }] of entries) {
      if (entries.size <= IDLE_MAX && bytes <= IDLE_BYTES_MAX) return;
      if (!upload || holders > 0 || upload.claims.size > 0 || upload.held) continue;
      if (upload.healing || upload.publishing) continue;
      bytes -= upload.digests.length;
      entries.delete(id);
    }
  }

  return {
    held: (id) => entries.get(id)?.upload,
    drop: (id) => void entries.delete(id),
    all: () => [...entries.values()].flatMap(({ upload }) => upload ?? []),
    async use(id, work) {
      if (!isUploadId(id)) throw new HoldfastError("upload_not_found");
      const known = entries.get(id);
      const entry: Entry = known ?? { loading: load(id), holders: 0 };
      entry.holders++;
      entries.delete(id);
      entries.set(id, entry);
      try {
        entry.upload = await entry.loading;
        if (known && onReuse) await onReuse(entry.upload);
        return await work(entry.upload);
      } finally {
        entry.holders--;
        if (!entry.upload && entries.get(id) === entry) entries.delete(id);
        trim();
      }
    },
  };
}

async function loadUpload(metadata: MetadataStore, id: UploadId): Promise<Upload> {
  const { record, table } = await readTogether(metadata, id);
  return {
    record,
    committed: createPartSet(partCount(record), table.bits),
    bound: createPartSet(partCount(record), table.bound),
    digests: record.hasSize ? table.digests : table.digests.slice(0, usedBytes(table.bound)),
    gathering: 0,
    readers: 0,
    streams: 0,
    claims: new Set(),
    partsEpoch: record.epoch,
    ownVersions: new Set(),
    subtrees: new Map(),
    appendTurn: 0,
  };
}

/**
 * The record of an upload and its parts, of one version: a tail beside the part that it has become would be told as bytes that are not there. `known` is a record
 * that was read just now.
 * @throws HoldfastError `upload_not_found`
 */
export async function readTogether(
  metadata: MetadataStore,
  id: UploadId,
  known?: UploadRecord,
): Promise<{ readonly record: UploadRecord; readonly table: PartTable }> {
  let record = known ?? (await metadata.upload(id));
  if (!record) throw new HoldfastError("upload_not_found");
  let table = await metadata.parts(id);
  // At once, so that little comes between the two where others write all the time.
  while (record.version !== table.version) {
    const [later, parts] = await Promise.all([metadata.upload(id), metadata.parts(id)]);
    if (!later) throw new HoldfastError("upload_not_found");
    record = later;
    table = parts;
  }
  return { record, table };
}

/** Takes note that what is in memory has all of the change of this server that made this version. With those before it, whoever made them, memory is as new as the record. */
export function noteVersion(upload: Upload, version: number | undefined): void {
  if (version === undefined || version <= upload.record.version) return;
  upload.ownVersions.add(version);
  let known = upload.record.version;
  while (upload.ownVersions.delete(known + 1)) known++;
  // Another object in any case: who is reading the records just now sees that something has come, and reads once more.
  upload.record = { ...upload.record, version: known };
}

/** Bytes of the digests up to the last bound part, rounded up. */
function usedBytes(bits: Uint8Array): number {
  let bytes = bits.length;
  while (bytes > 0 && bits[bytes - 1] === 0) bytes--;
  return bytes * 8 * DIGEST_SIZE;
}

/** Room for the digest of a part. The grid of an upload of unknown size may be a thousand times what comes: its digests grow with it. */
export function makeRoom(upload: Upload, index: number): void {
  const { digests, committed } = upload;
  if ((index + 1) * DIGEST_SIZE <= digests.length) return;
  const parts = Math.min(committed.partCount, 2 * (index + 1));
  upload.digests = new Uint8Array(parts * DIGEST_SIZE);
  upload.digests.set(digests);
}

/** The digests of every part of the grid. */
export function allDigests({ digests, committed }: Upload): Uint8Array {
  const size = committed.partCount * DIGEST_SIZE;
  if (digests.length === size) return digests;
  const all = new Uint8Array(size);
  all.set(digests.subarray(0, size));
  return all;
}

/** Contiguous committed bytes from 0. */
export function offsetOf(upload: Upload): number {
  const { size, partSize, tail } = upload.record;
  return Math.min(size, contiguousParts(upload.committed) * partSize) + (tail?.size ?? 0);
}

/** Where the committed bytes from `at` on end; `at` itself where that byte is not committed. */
export function committedEnd(
  { record, committed }: Pick<Upload, "record" | "committed">,
  at: number,
): number {
  const { size, partSize, tail } = record;
  const next = contiguousParts(committed, Math.floor(at / partSize));
  const parts = Math.min(size, next * partSize);
  return Math.max(at, tail?.index === next ? parts + tail.size : parts);
}

export function committedCount(upload: Upload): number {
  return countParts(upload.committed);
}

/** Missing ranges that an answer lists; the status has all of them. */
const MISSING_LISTED_MAX = 1000;

/** @throws HoldfastError `parts_missing` with `details.missing` */
export function requireAllParts({ committed }: Upload): void {
  const missing: PartRange[] = [];
  for (const range of missingRanges(committed)) {
    if (missing.push(range) === MISSING_LISTED_MAX) break;
  }
  if (missing.length > 0) throw new HoldfastError("parts_missing", undefined, { missing });
}
