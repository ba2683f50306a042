// What every change to the records requires and does, on plain maps: the executable specification that every metadata store is held to.
import type { Change, FileRecord, OutboxEntry, PartTable, UploadRecord } from "@holdfast/engine";
import {
  addPart,
  createPartSet,
  DIGEST_SIZE,
  encodeBase64,
  equalBytes,
  type FileId,
  type Grid,
  HoldfastError,
  hasPart,
  type PartSet,
  partCount,
  removePart,
  type UploadId,
} from "@holdfast/protocol";

/** All records. Plain data: `structuredClone` is a snapshot. */
export interface RecordState {
  readonly uploads: Map<UploadId, UploadRecord>;
  readonly parts: Map<UploadId, PartTable>;
  readonly files: Map<FileId, FileRecord>;
  readonly outbox: OutboxEntry[];
}

export function emptyState(): RecordState {
  return { uploads: new Map(), parts: new Map(), files: new Map(), outbox: [] };
}

/** Makes one change, whole or not at all: every condition is looked at before the first record changes. */
export function applyChange(state: RecordState, change: Change): void {
  switch (change.kind) {
    case "create":
      create(state, change.upload);
      break;
    case "commit":
      commit(state, change);
      break;
    case "withdraw":
      withdraw(state, change);
      break;
    case "seal":
      seal(state, change);
      break;
    case "reopen":
      reopen(state, change);
      break;
    case "publish":
      publish(state, change);
      break;
    case "end":
      end(state, change);
      break;
    case "cleared":
      cleared(state, change);
      break;
  }
}

type ChangeOf<Kind extends Change["kind"]> = Extract<Change, { readonly kind: Kind }>;

function create(state: RecordState, upload: UploadRecord): void {
  const known = state.uploads.get(upload.id);
  if (known) {
    requireSameCreate(known, upload);
    return;
  }
  const count = partCount(upload);
  state.uploads.set(upload.id, upload);
  state.parts.set(upload.id, {
    bits: createPartSet(count).bits,
    digests: new Uint8Array(count * DIGEST_SIZE),
  });
}

/** An id is 128 random bits: two uploads never share one, so another record under it is a mistake of the program. */
function requireSameCreate(known: UploadRecord, upload: UploadRecord): void {
  const isSame =
    known.tenant === upload.tenant &&
    known.principal === upload.principal &&
    known.size === upload.size &&
    known.partSize === upload.partSize &&
    known.algorithm === upload.algorithm &&
    known.name === upload.name &&
    known.createdAt === upload.createdAt;
  if (!isSame) throw new HoldfastError("internal", "another upload has this id");
}

function commit(state: RecordState, change: ChangeOf<"commit">): void {
  const upload = requireUpload(state, change.id);
  if (upload.state !== "open") throw notOpen(upload);
  const { set, digests } = partsOf(state, upload);
  const added = new Map<number, Uint8Array>();
  for (const { index, digest } of change.parts) {
    requireInGrid(upload, index);
    if (digest.length !== DIGEST_SIZE) throw new HoldfastError("internal", "no digest of a part");
    const known = hasPart(set, index) ? digestAt(digests, index) : added.get(index);
    if (known && !equalBytes(known, digest)) throw conflict(index, known);
    if (!known) added.set(index, digest);
  }
  for (const [index, digest] of added) {
    addPart(set, index);
    digests.set(digest, index * DIGEST_SIZE);
  }
  const expiresAt = Math.max(upload.expiresAt, change.expiresAt);
  state.uploads.set(upload.id, { ...upload, expiresAt });
}

function withdraw(state: RecordState, change: ChangeOf<"withdraw">): void {
  const upload = requireUpload(state, change.id);
  if (upload.state !== "open" && upload.state !== "completing") throw notOpen(upload);
  for (const index of change.indexes) requireInGrid(upload, index);
  const { set, digests } = partsOf(state, upload);
  for (const index of change.indexes) {
    removePart(set, index);
    digestAt(digests, index).fill(0);
  }
  state.uploads.set(upload.id, { ...upload, state: "open", epoch: upload.epoch + 1 });
}

function seal(state: RecordState, change: ChangeOf<"seal">): void {
  const upload = requireUpload(state, change.id);
  const { epoch } = upload;
  if (upload.state !== "open" && upload.state !== "completing") throw notOpen(upload);
  if (epoch !== change.epoch) throw notOpen(upload);
  state.uploads.set(upload.id, { ...upload, state: "completing" });
}

function reopen(state: RecordState, change: ChangeOf<"reopen">): void {
  const upload = requireUpload(state, change.id);
  if (upload.state !== "open" && upload.state !== "completing") throw notOpen(upload);
  state.uploads.set(upload.id, { ...upload, state: "open", error: change.error });
}

function publish(state: RecordState, { file, outbox }: ChangeOf<"publish">): void {
  const upload = requireUpload(state, file.uploadId);
  if (upload.state === "complete" && upload.fileId === file.id) return;
  if (upload.state !== "completing") throw notOpen(upload);
  if (state.files.has(file.id)) throw new HoldfastError("internal", "another file has this id");
  const { error: _, ...rest } = upload;
  state.uploads.set(upload.id, { ...rest, state: "complete", fileId: file.id });
  state.files.set(file.id, file);
  state.outbox.push(outbox);
}

function end(state: RecordState, change: ChangeOf<"end">): void {
  const upload = requireUpload(state, change.id);
  if (upload.state === change.state) return;
  if (upload.state !== "open" && upload.state !== "completing") throw notOpen(upload);
  const error = change.error ? { error: change.error } : {};
  state.uploads.set(upload.id, { ...upload, state: change.state, ...error });
}

function cleared(state: RecordState, { id }: ChangeOf<"cleared">): void {
  const upload = requireUpload(state, id);
  if (!isEnded(upload)) throw notOpen(upload);
  state.uploads.set(id, { ...upload, hasBytes: false });
}

/** Ended without a file. */
export function isEnded({ state }: UploadRecord): boolean {
  return state === "aborted" || state === "expired" || state === "failed";
}

export function requireUpload(state: RecordState, id: UploadId): UploadRecord {
  const upload = state.uploads.get(id);
  if (!upload) throw new HoldfastError("upload_not_found");
  return upload;
}

export function requireParts(state: RecordState, id: UploadId): PartTable {
  const table = state.parts.get(id);
  if (!table) throw new HoldfastError("upload_not_found");
  return table;
}

function partsOf(
  state: RecordState,
  upload: UploadRecord,
): { readonly set: PartSet; readonly digests: Uint8Array } {
  const { bits, digests } = requireParts(state, upload.id);
  return { set: { partCount: partCount(upload), bits }, digests };
}

function requireInGrid(grid: Grid, index: number): void {
  const count = partCount(grid);
  if (Number.isInteger(index) && index >= 0 && index < count) return;
  throw new HoldfastError("part_out_of_range", undefined, { partCount: count });
}

function digestAt(digests: Uint8Array, index: number): Uint8Array {
  return digests.subarray(index * DIGEST_SIZE, (index + 1) * DIGEST_SIZE);
}

function notOpen({ state, epoch }: UploadRecord): HoldfastError {
  return new HoldfastError("upload_not_open", undefined, { state, epoch });
}

function conflict(index: number, known: Uint8Array): HoldfastError {
  const message = `part ${index} is committed with another digest`;
  return new HoldfastError("part_conflict", message, { index, committed: encodeBase64(known) });
}
