// How uploads and files end and are forgotten, and files that come in one piece: a part of the executable specification in `apply.ts`.
import { HoldfastError, partCount } from "@holdfast/protocol";
import {
  addParts,
  beginParts,
  type ChangeOf,
  isEnded,
  newParts,
  notOpen,
  type RecordState,
  requireFreeKey,
  requireRoom,
  requireSameCreate,
  requireToken,
  requireUpload,
  wholeKib,
} from "./state.ts";

export function store(state: RecordState, change: ChangeOf<"store">): void {
  const { upload, file, outbox, limits } = change;
  const known = state.uploads.get(upload.id);
  if (known) {
    requireSameCreate(known, upload);
    if (known.fileId === file.id) return;
    throw notOpen(known);
  }
  requireFreeKey(state, upload);
  requireRoom(state, upload, limits, { open: 0, bytes: wholeKib(upload.size) });
  if (state.files.has(file.id)) throw new HoldfastError("internal", "another file has this id");
  const isOne = upload.state === "complete" && upload.fileId === file.id;
  const isThere = file.uploadId === upload.id && file.place === upload.place;
  if (!isOne || !isThere || !upload.hasSize) {
    throw new HoldfastError("internal", "the upload is not the file's");
  }
  const trial: RecordState = { ...state, uploads: new Map(), parts: new Map() };
  beginParts(trial, upload);
  const added = newParts(trial, upload, { ...change, place: upload.place });
  if (added.size !== partCount(upload)) throw new HoldfastError("internal", "parts are missing");
  state.uploads.set(upload.id, upload);
  beginParts(state, upload);
  addParts(state, upload, added);
  state.files.set(file.id, file);
  state.outbox.push(outbox);
}

export function storeAlone(state: RecordState, change: ChangeOf<"store-alone">): void {
  const { file, outbox, limits } = change;
  const known = state.files.get(file.id);
  if (known) {
    if (known.uploadId === file.uploadId) return;
    throw new HoldfastError("internal", "another file has this id");
  }
  const isTaken = [...state.files.values()].some(({ uploadId }) => uploadId === file.uploadId);
  if (isTaken) throw new HoldfastError("internal", "another file has these bytes");
  requireRoom(state, file, limits, { open: 0, bytes: wholeKib(file.size) });
  state.files.set(file.id, file);
  state.outbox.push(outbox);
}

export function expire(state: RecordState, { id, token, now }: ChangeOf<"expire">): void {
  const upload = requireUpload(state, id);
  if (upload.state === "expired") return;
  if (upload.state !== "open") throw notOpen(upload);
  requireToken(upload, token);
  const { expiresAt, epoch } = upload;
  if (expiresAt > now) {
    throw new HoldfastError("upload_not_open", undefined, { state: "open", epoch, expiresAt });
  }
  state.uploads.set(id, { ...upload, state: "expired", endedAt: now });
}

export function forget(state: RecordState, { id, before }: ChangeOf<"forget">): void {
  const upload = state.uploads.get(id);
  if (!upload) return;
  const isDone = upload.state === "complete" || (isEnded(upload) && !upload.hasBytes);
  if (!isDone || upload.endedAt === undefined || upload.endedAt >= before) throw notOpen(upload);
  remove(state, upload.id);
}

function remove(state: RecordState, id: ChangeOf<"forget">["id"]): void {
  state.uploads.delete(id);
  state.parts.delete(id);
  state.claims.delete(id);
}

export function hide(state: RecordState, { id, outbox }: ChangeOf<"delete">): void {
  const file = state.files.get(id);
  if (!file) throw new HoldfastError("file_not_found");
  if (file.state === "deleting") return;
  state.files.set(id, { ...file, state: "deleting" });
  remove(state, file.uploadId);
  state.outbox.push(outbox);
}

export function erased(state: RecordState, { id }: ChangeOf<"erased">): void {
  if (state.files.get(id)?.state === "available") {
    throw new HoldfastError("internal", "a file that can be read is not erased");
  }
  state.files.delete(id);
}
