// What each change does to the tables. Every condition is looked at before the first row changes.
import type { Limits, UploadRecord } from "@holdfast/engine";
import {
  DIGEST_SIZE,
  encodeBase64,
  equalBytes,
  type Grid,
  HoldfastError,
  KIB,
  partCount,
  partSizeAt,
  type UploadId,
  type UploadState,
} from "@holdfast/protocol";
import {
  decodePage,
  encodeFile,
  encodeOutbox,
  encodeTail,
  encodeUpload,
  kibOf,
  optionalTextAt,
  stateAt,
  textAt,
  wholeAt,
} from "./codec.ts";
import type { PackedChange, PackedParts } from "./messages.ts";
import { clearIn, createPage, digestIn, type PartPage, placeOf, setIn } from "./pages.ts";
import type { Statements } from "./statements.ts";

type ChangeOf<Kind extends PackedChange["kind"]> = Extract<PackedChange, { readonly kind: Kind }>;

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
    case "withdraw":
      withdraw(sql, change);
      break;
    case "seal":
      seal(sql, change);
      break;
    case "reopen":
      reopen(sql, change);
      break;
    case "publish":
      publish(sql, change);
      break;
    case "end":
      end(sql, change);
      break;
    case "cleared":
      cleared(sql, change);
      break;
  }
}

/** What conditions ask of an upload. */
interface Found extends Grid {
  readonly seq: number;
  readonly state: UploadState;
  readonly epoch: number;
  readonly fileId: string | undefined;
  readonly tenant: string;
  readonly principal: string;
  readonly hasSize: boolean;
  readonly hasToldOffset: boolean;
}

function requireUpload(sql: Statements, id: UploadId): Found {
  const row = sql.findUpload.get({ id });
  if (!row) throw new HoldfastError("upload_not_found");
  return {
    seq: wholeAt(row, "seq"),
    state: stateAt(row, "state"),
    epoch: wholeAt(row, "epoch"),
    size: wholeAt(row, "size"),
    partSize: wholeAt(row, "part_size"),
    fileId: optionalTextAt(row, "file_id"),
    tenant: textAt(row, "tenant"),
    principal: textAt(row, "principal"),
    hasSize: wholeAt(row, "has_size") === 1,
    hasToldOffset: wholeAt(row, "has_told_offset") === 1,
  };
}

function requireState(upload: Found, ...states: readonly UploadState[]): void {
  if (!states.includes(upload.state)) throw notOpen(upload);
}

function notOpen({ state, epoch }: Found): HoldfastError {
  return new HoldfastError("upload_not_open", undefined, { state, epoch });
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
  const fixed = ["tenant", "principal", "size", "part_size", "algorithm", "name", "created_at"];
  const isSame = fixed.every((column) => known[column] === row[column]);
  if (!isSame) throw new HoldfastError("internal", "another upload has this id");
}

function requireFreeKey(sql: Statements, { tenant, principal, key }: UploadRecord): void {
  if (key && sql.findKey.get({ tenant, principal, key_name: key.name })) {
    throw new HoldfastError("idempotency_conflict");
  }
}

/** Within the transaction that takes the room: however many ask at once, what they get together is within the limits. */
function requireRoom(
  sql: Statements,
  { tenant, principal }: { readonly tenant: string; readonly principal: string },
  { openMax, bytesMax }: Limits = {},
  more: { readonly open: number; readonly kib: number },
): void {
  if (openMax === undefined && bytesMax === undefined) return;
  const row = sql.findUsage.get({ tenant, principal });
  const used = row ? { open: wholeAt(row, "open"), kib: wholeAt(row, "kib") } : { open: 0, kib: 0 };
  if (more.open > 0 && openMax !== undefined && used.open + more.open > openMax) {
    throw new HoldfastError("quota_exceeded", undefined, { limit: "openMax", max: openMax });
  }
  if (more.kib > 0 && bytesMax !== undefined && (used.kib + more.kib) * KIB > bytesMax) {
    throw new HoldfastError("quota_exceeded", undefined, { limit: "bytesMax", max: bytesMax });
  }
}

function commit(sql: Statements, change: ChangeOf<"commit">): void {
  const upload = requireUpload(sql, change.id);
  requireState(upload, "open");
  commitParts(sql, upload, change);
  dropTailOf(sql, upload, change.indexes);
  sql.setExpiry.run({ seq: upload.seq, expires_at: change.expiresAt });
}

/** @throws HoldfastError `part_conflict`, `quota_exceeded`: before the first row changes. */
function commitParts(
  sql: Statements,
  upload: Found,
  change: PackedParts & { readonly limits?: Limits },
): void {
  const pages = createPageReader(sql, upload);
  const changed = new Set<PartPage>();
  let kib = 0;
  for (const [at, index] of change.indexes.entries()) {
    const digest = change.digests.subarray(at * DIGEST_SIZE, (at + 1) * DIGEST_SIZE);
    const { page, slot } = pages(index);
    const known = digestIn(page, slot);
    if (known && !equalBytes(known, digest)) throw conflict(index, known);
    if (known) continue;
    setIn(page, slot, digest);
    changed.add(page);
    kib += kibOf(partSizeAt(upload, index));
  }
  if (!upload.hasSize && kib > 0) {
    requireRoom(sql, upload, change.limits, { open: 0, kib });
    sql.addReserved.run({ seq: upload.seq, kib });
  }
  for (const page of changed) putPage(sql, upload, page);
}

/** The tail goes with its part: the part is committed, or its bytes are bad. */
function dropTailOf(sql: Statements, upload: Found, indexes: readonly number[]): void {
  const row = sql.findTail.get({ upload: upload.seq });
  if (row && indexes.includes(wholeAt(row, "tail_index"))) sql.dropTail.run({ upload: upload.seq });
}

function conflict(index: number, known: Uint8Array): HoldfastError {
  const message = `part ${index} is committed with another digest`;
  return new HoldfastError("part_conflict", message, { index, committed: encodeBase64(known) });
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

/** Reads each page that a change touches once. */
function createPageReader(
  sql: Statements,
  upload: Found,
): (index: number) => { readonly page: PartPage; readonly slot: number } {
  const count = partCount(upload);
  const read = new Map<number, PartPage>();
  return (index) => {
    if (!Number.isInteger(index) || index < 0 || index >= count) {
      throw new HoldfastError("part_out_of_range", undefined, { partCount: count });
    }
    const { page: number, slot } = placeOf(index);
    const page = read.get(number) ?? findPage(sql, upload, number);
    read.set(number, page);
    return { page, slot };
  };
}

function findPage(sql: Statements, upload: Found, page: number): PartPage {
  const row = sql.findPage.get({ upload: upload.seq, page });
  return row ? decodePage(row) : createPage(upload, page);
}

function putPage(sql: Statements, upload: Found, { number, bits, digests }: PartPage): void {
  sql.putPage.run({ upload: upload.seq, page: number, bits, digests });
}

function seal(sql: Statements, change: ChangeOf<"seal">): void {
  const upload = requireUpload(sql, change.id);
  requireState(upload, "open", "completing");
  if (upload.epoch !== change.epoch) throw notOpen(upload);
  sql.setCompleting.run({ seq: upload.seq });
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
