// What ends do to the tables, of uploads and of files, and files that come in one piece.
import { HoldfastError, partCount } from "@holdfast/protocol";
import {
  encodeFile,
  encodeOutbox,
  encodeUpload,
  kibOf,
  type Parameters,
  type Row,
  textAt,
  wholeAt,
} from "./codec.ts";
import {
  type ChangeOf,
  notOpen,
  requireFreeKey,
  requireRoom,
  requireState,
  requireToken,
  requireUpload,
} from "./found.ts";
import { commitParts, contiguousIn } from "./parts.ts";
import type { Tables } from "./tables.ts";

/** An id is 128 random bits: two uploads never share one, so another record under it is a mistake of the program. */
export function requireSameCreate(known: Row, row: Parameters): void {
  const fixed = ["tenant", "principal", "size", "part_size", "algorithm", "name", "created_at"];
  const isSame = fixed.every((column) => known[column] === row[column]);
  if (!isSame) throw new HoldfastError("internal", "another upload has this id");
}

export function store(tables: Tables, change: ChangeOf<"store">): void {
  const { upload, file, outbox, limits } = change;
  const row = encodeUpload(upload);
  const known = tables.findCreated.get({ id: upload.id });
  if (known) {
    requireSameCreate(known, row);
    const { fileId, ...found } = requireUpload(tables, upload.id);
    if (fileId === file.id) return;
    throw notOpen(found);
  }
  requireFreeKey(tables, upload);
  requireRoom(tables, upload, limits, { open: 0, kib: kibOf(upload.size) });
  const isOne = upload.state === "complete" && upload.fileId === file.id;
  const isThere = file.uploadId === upload.id && file.place === upload.place;
  if (!isOne || !isThere || !upload.hasSize) {
    throw new HoldfastError("internal", "the upload is not the file's");
  }
  tables.addUpload.run(row);
  const added = requireUpload(tables, upload.id);
  commitParts(tables, added, { ...change, place: upload.place });
  if (contiguousIn(tables, added) !== partCount(upload)) {
    throw new HoldfastError("internal", "parts are missing");
  }
  tables.addFile.run(encodeFile(file));
  tables.addOutbox.run(encodeOutbox(outbox));
}

export function storeAlone(tables: Tables, change: ChangeOf<"store-alone">): void {
  const { file, outbox, limits } = change;
  const known = tables.findFile.get({ id: file.id });
  if (known) {
    if (textAt(known, "upload_id") === file.uploadId) return;
    throw new HoldfastError("internal", "another file has this id");
  }
  requireRoom(tables, file, limits, { open: 0, kib: kibOf(file.size) });
  tables.addFile.run(encodeFile(file));
  tables.addOutbox.run(encodeOutbox(outbox));
}

export function expire(tables: Tables, { id, token, now }: ChangeOf<"expire">): void {
  const upload = requireUpload(tables, id);
  if (upload.state === "expired") return;
  requireState(upload, "open");
  requireToken(tables, upload, token);
  const { seq, epoch, expiresAt } = upload;
  if (expiresAt > now) {
    throw new HoldfastError("upload_not_open", undefined, { state: "open", epoch, expiresAt });
  }
  tables.setEnded.run({ seq, state: "expired", at: now, code: null, detail: null });
}

export function forget(tables: Tables, { id, before }: ChangeOf<"forget">): void {
  if (!tables.findUpload.get({ id })) return;
  const upload = requireUpload(tables, id);
  const isDone = upload.state === "complete" || !upload.hasBytes;
  const { endedAt } = upload;
  if (!isDone || endedAt === undefined || endedAt >= before) throw notOpen(upload);
  tables.dropUpload.run({ id });
}

export function hide(tables: Tables, { id, outbox }: ChangeOf<"delete">): void {
  const row = tables.findFile.get({ id });
  if (!row) throw new HoldfastError("file_not_found");
  if (textAt(row, "state") === "deleting") return;
  tables.setDeleting.run({ seq: wholeAt(row, "seq") });
  tables.dropUpload.run({ id: textAt(row, "upload_id") });
  tables.addOutbox.run(encodeOutbox(outbox));
}

export function erased(tables: Tables, { id }: ChangeOf<"erased">): void {
  const row = tables.findFile.get({ id });
  if (!row) return;
  if (textAt(row, "state") === "available") {
    throw new HoldfastError("internal", "a file that can be read is not erased");
  }
  tables.dropFile.run({ seq: wholeAt(row, "seq") });
}
