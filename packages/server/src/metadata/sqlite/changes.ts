// What each change does to the tables. Every condition is looked at before the first row changes.
import { partSizeAt } from "@holdfast/protocol";
import { append, fixSize, tell } from "./changes-append.ts";
import { erased, expire, forget, hide, requireSameCreate, store } from "./changes-end.ts";
import { encodeFile, encodeOutbox, encodeTail, encodeUpload, kibOf } from "./codec.ts";
import {
  type ChangeOf,
  notOpen,
  requireFreeKey,
  requireRoom,
  requireState,
  requireUpload,
} from "./found.ts";
import type { PackedChange } from "./messages.ts";
import { clearIn, digestIn, type PartPage } from "./pages.ts";
import { commitParts, createPageReader, dropTailOf, putPage } from "./parts.ts";
import type { Statements } from "./statements.ts";

/**
 * Makes one change within the transaction that is open.
 *
 * @throws HoldfastError where its condition does not hold; anything else is SQLite's.
 */
export function applyChange(sql: Statements, change: PackedChange): void {
  switch (change.kind) {
    case "create":
      create(sql, change);
      break;
    case "commit":
      commit(sql, change);
      break;
    case "append":
      append(sql, change);
      break;
    case "fix-size":
      fixSize(sql, change);
      break;
    case "told":
      tell(sql, change);
      break;
    case "withdraw":
      withdraw(sql, change);
      break;
    case "seal":
      seal(sql, change);
      break;
    case "revoke":
      revoke(sql, change);
      break;
    case "reopen":
      reopen(sql, change);
      break;
    case "publish":
      publish(sql, change);
      break;
    case "store":
      store(sql, change);
      break;
    case "end":
      end(sql, change);
      break;
    case "expire":
      expire(sql, change);
      break;
    case "cleared":
      cleared(sql, change);
      break;
    case "forget":
      forget(sql, change);
      break;
    case "delete":
      hide(sql, change);
      break;
    case "erased":
      erased(sql, change);
      break;
  }
}

function create(sql: Statements, { upload, limits }: ChangeOf<"create">): void {
  const row = encodeUpload(upload);
  const known = sql.findUpload.get({ id: upload.id });
  if (!known) {
    requireFreeKey(sql, upload);
    requireRoom(sql, upload, limits, { open: 1, kib: upload.hasSize ? kibOf(upload.size) : 0 });
    const { lastInsertRowid } = sql.addUpload.run(row);
    if (upload.tail) sql.putTail.run(encodeTail(Number(lastInsertRowid), upload.tail));
    return;
  }
  requireSameCreate(known, row);
}

function commit(sql: Statements, change: ChangeOf<"commit">): void {
  const upload = requireUpload(sql, change.id);
  requireState(upload, "open");
  commitParts(sql, upload, change);
  dropTailOf(sql, upload, change.indexes);
  sql.setExpiry.run({ seq: upload.seq, expires_at: change.expiresAt });
}

function withdraw(sql: Statements, change: ChangeOf<"withdraw">): void {
  const upload = requireUpload(sql, change.id);
  requireState(upload, "open", "completing");
  const pages = createPageReader(sql, upload);
  const changed = new Set<PartPage>();
  let kib = 0;
  for (const index of change.indexes) {
    const { page, slot } = pages(index);
    if (!digestIn(page, slot)) continue;
    clearIn(page, slot);
    changed.add(page);
    if (!upload.hasSize) kib += kibOf(partSizeAt(upload, index));
  }
  for (const page of changed) putPage(sql, upload, page);
  dropTailOf(sql, upload, change.indexes);
  const { seq } = upload;
  // An offset that was answered was a promise.
  if (upload.hasToldOffset) sql.setFailed.run({ seq, at: change.at, ...WITHDRAWN });
  else sql.setWithdrawn.run({ seq, kib });
}

const WITHDRAWN = {
  code: "storage_failed",
  detail: "stored bytes proved bad below an offset that had been answered",
} as const;

function seal(sql: Statements, change: ChangeOf<"seal">): void {
  const upload = requireUpload(sql, change.id);
  requireState(upload, "open", "completing");
  if (upload.epoch !== change.epoch) throw notOpen(upload);
  sql.setCompleting.run({ seq: upload.seq, sha256: change.sha256 ?? null });
}

function revoke(sql: Statements, change: ChangeOf<"revoke">): void {
  const upload = requireUpload(sql, change.id);
  requireState(upload, "open");
  if (upload.epoch < change.epoch) throw notOpen(upload);
  sql.setEpoch.run({ seq: upload.seq, epoch: Math.max(upload.epoch, change.epoch + 1) });
}

function reopen(sql: Statements, change: ChangeOf<"reopen">): void {
  const upload = requireUpload(sql, change.id);
  requireState(upload, "open", "completing");
  const { code, detail } = change.error;
  sql.setReopened.run({ seq: upload.seq, code, detail });
}

function publish(sql: Statements, { file, outbox }: ChangeOf<"publish">): void {
  const upload = requireUpload(sql, file.uploadId);
  if (upload.state === "complete" && upload.fileId === file.id) return;
  requireState(upload, "completing");
  sql.addFile.run(encodeFile(file));
  sql.addOutbox.run(encodeOutbox(outbox));
  sql.dropTail.run({ upload: upload.seq });
  sql.setComplete.run({ seq: upload.seq, file_id: file.id, at: file.createdAt });
}

function end(sql: Statements, change: ChangeOf<"end">): void {
  const upload = requireUpload(sql, change.id);
  if (upload.state === change.state) return;
  requireState(upload, "open", "completing");
  const { code = null, detail = null } = change.error ?? {};
  sql.setEnded.run({ seq: upload.seq, state: change.state, at: change.at, code, detail });
}

function cleared(sql: Statements, change: ChangeOf<"cleared">): void {
  const upload = requireUpload(sql, change.id);
  requireState(upload, "aborted", "expired", "failed");
  sql.setCleared.run({ seq: upload.seq });
}
