// What each change does to the tables. Every condition is looked at before the first row changes.
import { HoldfastError, partSizeAt } from "@holdfast/protocol";
import { append, fixSize, tell } from "./changes-append.ts";
import { claim, release, renew, want } from "./changes-claim.ts";
import {
  erased,
  expire,
  forget,
  hide,
  requireSameCreate,
  store,
  storeAlone,
} from "./changes-end.ts";
import { noteFile, relocateFile, revokeLink } from "./changes-notes.ts";
import { bind, move, place } from "./changes-place.ts";
import { encodeFile, encodeOutbox, encodeUpload, kibOf } from "./codec.ts";
import {
  type ChangeOf,
  notOpen,
  requireFreeKey,
  requireRoom,
  requireState,
  requireToken,
  requireUpload,
  WITHDRAWN,
} from "./found.ts";
import type { PackedChange } from "./packed.ts";
import { clearIn, isCommittedIn, type PartPage, withdrawIn } from "./pages.ts";
import { commitParts, createPageReader, dropTailOf, putPage, requireCompared } from "./parts.ts";
import type { Tables } from "./tables.ts";

/**
 * Makes one change within the transaction that is open.
 *
 * @throws HoldfastError where its condition does not hold; anything else comes from the tables.
 */
export function applyChange(tables: Tables, change: PackedChange): void {
  switch (change.kind) {
    case "create":
      create(tables, change);
      break;
    case "place":
      place(tables, change);
      break;
    case "move":
      move(tables, change);
      break;
    case "bind":
      bind(tables, change);
      break;
    case "commit":
      commit(tables, change);
      break;
    case "append":
      append(tables, change);
      break;
    case "fix-size":
      fixSize(tables, change);
      break;
    case "told":
      tell(tables, change);
      break;
    case "withdraw":
      withdraw(tables, change);
      break;
    case "seal":
      seal(tables, change);
      break;
    case "revoke":
      revoke(tables, change);
      break;
    case "reopen":
      reopen(tables, change);
      break;
    case "publish":
      publish(tables, change);
      break;
    case "store":
      store(tables, change);
      break;
    case "store-alone":
      storeAlone(tables, change);
      break;
    case "end":
      end(tables, change);
      break;
    case "expire":
      expire(tables, change);
      break;
    case "claim":
      claim(tables, change);
      break;
    case "renew":
      renew(tables, change);
      break;
    case "want":
      want(tables, change);
      break;
    case "release":
      release(tables, change);
      break;
    case "cleared":
      cleared(tables, change);
      break;
    case "forget":
      forget(tables, change);
      break;
    case "delete":
      hide(tables, change);
      break;
    case "note":
      noteFile(tables, change);
      break;
    case "relocate":
      relocateFile(tables, change);
      break;
    case "revoke-link":
      revokeLink(tables, change);
      break;
    case "erased":
      erased(tables, change);
      break;
  }
}

function create(tables: Tables, { upload, limits }: ChangeOf<"create">): void {
  const row = encodeUpload(upload);
  const known = tables.findCreated.get({ id: upload.id });
  if (!known) {
    requireFreeKey(tables, upload);
    if (upload.tail || upload.claim) throw new HoldfastError("internal", "it has not begun yet");
    requireRoom(tables, upload, limits, { open: 1, kib: upload.hasSize ? kibOf(upload.size) : 0 });
    tables.addUpload.run(row);
    return;
  }
  requireSameCreate(known, row);
}

function commit(tables: Tables, change: ChangeOf<"commit">): void {
  const upload = requireUpload(tables, change.id);
  requireState(upload, "open");
  requireCompared(tables, upload, change);
  commitParts(tables, upload, change);
  dropTailOf(tables, upload, change.indexes);
  tables.setCame.run({ seq: upload.seq, expires_at: change.expiresAt, protocol: "parts" });
}

function withdraw(tables: Tables, change: ChangeOf<"withdraw">): void {
  const upload = requireUpload(tables, change.id);
  requireState(upload, "open", "completing");
  requireToken(tables, upload, change.token);
  const pages = createPageReader(tables, upload);
  const changed = new Set<PartPage>();
  let kib = 0;
  for (const index of change.indexes) {
    const { page, slot } = pages(index);
    if (!isCommittedIn(page, slot)) continue;
    // Late writers of a place bring the bytes of before.
    if (upload.place === undefined) clearIn(page, slot);
    else withdrawIn(page, slot);
    changed.add(page);
    if (!upload.hasSize) kib += kibOf(partSizeAt(upload, index));
  }
  for (const page of changed) putPage(tables, upload, page);
  dropTailOf(tables, upload, change.indexes);
  const { seq } = upload;
  if (upload.hasToldOffset) tables.setFailed.run({ seq, at: change.at, ...WITHDRAWN });
  else tables.setWithdrawn.run({ seq, kib });
}

function seal(tables: Tables, change: ChangeOf<"seal">): void {
  const upload = requireUpload(tables, change.id);
  requireState(upload, "open", "completing");
  requireToken(tables, upload, change.token);
  if (upload.epoch !== change.epoch) throw notOpen(upload);
  tables.setCompleting.run({ seq: upload.seq, sha256: change.sha256 ?? null });
}

function revoke(tables: Tables, change: ChangeOf<"revoke">): void {
  const upload = requireUpload(tables, change.id);
  requireState(upload, "open");
  if (upload.epoch < change.epoch) throw notOpen(upload);
  tables.setEpoch.run({ seq: upload.seq, epoch: Math.max(upload.epoch, change.epoch + 1) });
}

function reopen(tables: Tables, change: ChangeOf<"reopen">): void {
  const upload = requireUpload(tables, change.id);
  requireState(upload, "open", "completing");
  requireToken(tables, upload, change.token);
  const { code, detail } = change.error;
  tables.setReopened.run({ seq: upload.seq, code, detail });
}

function publish(tables: Tables, { token, file, outbox }: ChangeOf<"publish">): void {
  const upload = requireUpload(tables, file.uploadId);
  if (upload.state === "complete" && upload.fileId === file.id) return;
  requireState(upload, "completing");
  requireToken(tables, upload, token);
  if (file.place !== upload.place) {
    throw new HoldfastError("internal", "the file is not where its upload was");
  }
  tables.addFile.run(encodeFile(file));
  tables.addOutbox.run(encodeOutbox(outbox));
  tables.dropTail.run({ upload: upload.seq });
  tables.setComplete.run({ seq: upload.seq, file_id: file.id, at: file.createdAt });
}

function end(tables: Tables, change: ChangeOf<"end">): void {
  const upload = requireUpload(tables, change.id);
  if (upload.state === change.state) return;
  requireState(upload, "open", "completing");
  requireToken(tables, upload, change.token);
  const { code = null, detail = null } = change.error ?? {};
  tables.setEnded.run({ seq: upload.seq, state: change.state, at: change.at, code, detail });
}

function cleared(tables: Tables, change: ChangeOf<"cleared">): void {
  const upload = requireUpload(tables, change.id);
  requireState(upload, "aborted", "expired", "failed");
  tables.setCleared.run({ seq: upload.seq });
}
