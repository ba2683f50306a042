// Reads records on the calling thread, by a connection that cannot write. Each statement sees every commit before it.
import { DatabaseSync } from "node:sqlite";
import type {
  Counts,
  Due,
  DueKind,
  DueQuery,
  FileRecord,
  FilesQuery,
  KeyOwner,
  Principal,
  ReadParts,
  UploadRecord,
} from "@holdfast/engine";
import { type FileId, HoldfastError, isHoldfastError, type UploadId } from "@holdfast/protocol";
import { decodeFile, decodePage, decodeUpload, type Row, wholeAt } from "../records/codec.ts";
import { decodeCounts, decodeDue, FIRST, LAST } from "../records/listed.ts";
import { joinPages, PAGE_PARTS } from "../records/pages.ts";
import { DUE, QUERIES } from "./queries.ts";
import { CACHE_KIB } from "./schema.ts";

/** Milliseconds. A reader waits for nobody but a stranger that holds the whole file, and the event loop waits with it. */
const BUSY_TIMEOUT_MS = 200;

/** @throws HoldfastError `storage_failed` from each of its functions where SQLite cannot read or what it reads is damaged. */
export interface Reader {
  upload(by: UploadId | KeyOwner): UploadRecord | undefined;
  /** @throws HoldfastError `upload_not_found` */
  parts(id: UploadId): ReadParts;
  file(by: FileId | { readonly uploadId: UploadId }): FileRecord | undefined;
  files(query: FilesQuery): readonly FileRecord[];
  due(kind: DueKind, query: DueQuery): readonly Due[];
  counts(of?: Principal): Counts;
  close(): void;
}

export function openReader(path: string): Reader {
  const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  db.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
  const findUpload = db.prepare(QUERIES.upload);
  const findUploadByKey = db.prepare(QUERIES.uploadByKey);
  const findGrid = db.prepare(QUERIES.grid);
  const findPages = db.prepare(QUERIES.pages);
  const findFile = db.prepare(QUERIES.file);
  const findFileOf = db.prepare(QUERIES.fileOf);
  const findFiles = db.prepare(QUERIES.files);
  const findUsage = db.prepare(QUERIES.usage);
  const findDue = {
    completing: db.prepare(DUE.completing),
    expired: db.prepare(DUE.expired),
    uncleared: db.prepare(DUE.uncleared),
    forgettable: db.prepare(DUE.forgettable),
    deleting: db.prepare(DUE.deleting),
    damaged: db.prepare(DUE.damaged),
  };

  return {
    upload: (by) =>
      reading(() => {
        const row = typeof by === "string" ? findUpload.get({ id: by }) : byKey(by);
        return row && decodeUpload(row);
      }),
    parts: (id) =>
      reading(() => {
        const row = findGrid.get({ id });
        if (!row) throw new HoldfastError("upload_not_found");
        const grid = { size: wholeAt(row, "size"), partSize: wholeAt(row, "part_size") };
        const pages = findPages.all({ upload: wholeAt(row, "seq") }).map(decodePage);
        // A commit between the two statements makes the pages newer, which nobody else can have made.
        const version = wholeAt(row, "version");
        return { ...joinPages(grid, pages, PAGE_PARTS.sqlite), version };
      }),
    file: (by) =>
      reading(() => {
        const isId = typeof by === "string";
        const row = isId ? findFile.get({ id: by }) : findFileOf.get({ upload: by.uploadId });
        return row && decodeFile(row);
      }),
    files: ({ tenant, after, limit }) =>
      reading(() => {
        const { at, id } = after ? { at: after.createdAt, id: after.id } : LAST;
        return findFiles.all({ tenant, at, id, limit }).map(decodeFile);
      }),
    due: (kind, { before = LAST.at, after = FIRST, limit }) =>
      reading(() => {
        const { at, id } = after;
        return findDue[kind].all({ at, id, before, limit }).map(decodeDue);
      }),
    counts: (of) =>
      reading(() => {
        const row = findUsage.get({ tenant: of?.tenant ?? "", principal: of?.id ?? "" });
        return decodeCounts(row);
      }),
    close: () => db.close(),
  };

  function byKey({ tenant, principal, name }: KeyOwner): Row | undefined {
    return findUploadByKey.get({ tenant, principal, key_name: name });
  }
}

function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (isHoldfastError(cause)) throw cause;
    throw new HoldfastError("storage_failed", "the records cannot be read", {}, cause);
  }
}
