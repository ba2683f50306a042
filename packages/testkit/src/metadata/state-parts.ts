// What the changes of an upload on its common way require and do: a part of the executable specification in `apply.ts`.
import type { TailDigest, UploadRecord } from "@holdfast/engine";
import { equalBytes, HoldfastError, removePart } from "@holdfast/protocol";
import {
  addParts,
  beginParts,
  type ChangeOf,
  digestAt,
  isEnded,
  newParts,
  notOpen,
  partsOf,
  type RecordState,
  requireFreeKey,
  requireInGrid,
  requireRoom,
  requireSameCreate,
  requireToken,
  requireUpload,
  reservedOf,
} from "./state.ts";
export function create(state: RecordState, { upload, limits }: ChangeOf<"create">): void {
  const known = state.uploads.get(upload.id);
  if (known) {
    requireSameCreate(known, upload);
    return;
  }
  requireFreeKey(state, upload);
  if (upload.tail || upload.claim) throw new HoldfastError("internal", "it has not begun yet");
  requireRoom(state, upload, limits, { open: 1, bytes: reservedOf(state, upload) });
  state.uploads.set(upload.id, upload);
  beginParts(state, upload);
}

export function commit(state: RecordState, change: ChangeOf<"commit">): void {
  const upload = requireUpload(state, change.id);
  if (upload.state !== "open") throw notOpen(upload);
  const { tail } = upload;
  const isBeside = tail && change.parts.some(({ index }) => index === tail.index);
  if (isBeside && !change.compared?.some((compared) => isSameTail(compared, tail))) {
    throw new HoldfastError("append_in_progress", undefined, { index: tail.index });
  }
  const added = newParts(state, upload, change);
  addParts(state, upload, added);
  const expiresAt = Math.max(upload.expiresAt, change.expiresAt);
  const indexes = change.parts.map(({ index }) => index);
  const { protocol = "parts" } = upload;
  state.uploads.set(upload.id, { ...withoutTail(upload, indexes), expiresAt, protocol });
}

function isSameTail(a: TailDigest, b: TailDigest): boolean {
  return a.index === b.index && a.size === b.size && equalBytes(a.digest, b.digest);
}

export function withdraw(state: RecordState, change: ChangeOf<"withdraw">): void {
  const upload = requireUpload(state, change.id);
  if (upload.state !== "open" && upload.state !== "completing") throw notOpen(upload);
  requireToken(upload, change.token);
  for (const index of change.indexes) requireInGrid(upload, index);
  const { set, bound, digests } = partsOf(state, upload);
  for (const index of change.indexes) {
    removePart(set, index);
    // Late writers of a place bring the bytes of before.
    if (upload.place !== undefined) continue;
    removePart(bound, index);
    digestAt(digests, index).fill(0);
  }
  const left = { ...unsealed(withoutTail(upload, change.indexes)), epoch: upload.epoch + 1 };
  const isOver = upload.hasToldOffset;
  const end = { state: "failed", endedAt: change.at, error: WITHDRAWN } as const;
  state.uploads.set(upload.id, isOver ? { ...left, ...end } : { ...left, state: "open" });
}

/** Why an upload fails whose offset was a promise. */
export const WITHDRAWN = {
  code: "storage_failed",
  detail: "stored bytes proved bad below an offset that had been answered",
};

/** The tail goes with its part: the part is committed, or its bytes are bad. */
function withoutTail(upload: UploadRecord, indexes: readonly number[]): UploadRecord {
  if (!upload.tail || !indexes.includes(upload.tail.index)) return upload;
  const { tail: _, ...rest } = upload;
  return rest;
}

/** What a complete asked for goes with it. */
export function unsealed({ sealedSha256: _, ...upload }: UploadRecord): UploadRecord {
  return upload;
}

export function seal(state: RecordState, change: ChangeOf<"seal">): void {
  const upload = requireUpload(state, change.id);
  const { epoch } = upload;
  if (upload.state !== "open" && upload.state !== "completing") throw notOpen(upload);
  requireToken(upload, change.token);
  if (epoch !== change.epoch) throw notOpen(upload);
  const isNew = upload.state === "open" && change.sha256;
  const asked = isNew ? { sealedSha256: change.sha256 } : {};
  state.uploads.set(upload.id, { ...upload, state: "completing", ...asked });
}

export function revoke(state: RecordState, { id, epoch }: ChangeOf<"revoke">): void {
  const upload = requireUpload(state, id);
  if (upload.state !== "open" || upload.epoch < epoch) throw notOpen(upload);
  state.uploads.set(id, { ...upload, epoch: Math.max(upload.epoch, epoch + 1) });
}

export function reopen(state: RecordState, change: ChangeOf<"reopen">): void {
  const upload = requireUpload(state, change.id);
  if (upload.state !== "open" && upload.state !== "completing") throw notOpen(upload);
  requireToken(upload, change.token);
  state.uploads.set(upload.id, { ...unsealed(upload), state: "open", error: change.error });
}

export function publish(state: RecordState, change: ChangeOf<"publish">): void {
  const { file, outbox } = change;
  const upload = requireUpload(state, file.uploadId);
  if (upload.state === "complete" && upload.fileId === file.id) return;
  if (upload.state !== "completing") throw notOpen(upload);
  requireToken(upload, change.token);
  if (state.files.has(file.id)) throw new HoldfastError("internal", "another file has this id");
  if (file.place !== upload.place) {
    throw new HoldfastError("internal", "the file is not where its upload was");
  }
  const { error: _, tail: __, ...rest } = unsealed(upload);
  const endedAt = file.createdAt;
  state.uploads.set(upload.id, { ...rest, state: "complete", fileId: file.id, endedAt });
  state.files.set(file.id, file);
  state.outbox.push(outbox);
}

export function end(state: RecordState, change: ChangeOf<"end">): void {
  const upload = requireUpload(state, change.id);
  if (upload.state === change.state) return;
  if (upload.state !== "open" && upload.state !== "completing") throw notOpen(upload);
  requireToken(upload, change.token);
  const error = change.error ? { error: change.error } : {};
  const endedAt = change.at;
  state.uploads.set(upload.id, { ...unsealed(upload), state: change.state, endedAt, ...error });
}

export function cleared(state: RecordState, { id }: ChangeOf<"cleared">): void {
  const upload = requireUpload(state, id);
  if (!isEnded(upload)) throw notOpen(upload);
  state.uploads.set(id, { ...upload, hasBytes: false });
}
