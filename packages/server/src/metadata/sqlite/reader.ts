// Reads records on the calling thread, by a connection that cannot write. Each statement sees every commit before it.
import { DatabaseSync } from "node:sqlite";
import type { FileRecord, PartTable, Unfinished, UploadRecord } from "@holdfast/engine";
import { type FileId, HoldfastError, isHoldfastError, type UploadId } from "@holdfast/protocol";
import { decodeFile, decodePage, decodeUpload, uploadIdAt, wholeAt } from "./codec.ts";
import { joinPages } from "./pages.ts";

/** Milliseconds. A reader waits for nobody but a stranger that holds the whole file, and the event loop waits with it. */
const BUSY_TIMEOUT_MS = 200;

export const UNFINISHED: Readonly<Record<Unfinished, string>> = {
  completing: "SELECT id FROM uploads WHERE state = 'completing'",
  // In the words of the partial index, so that SQLite knows it fits.
  uncleared:
    "SELECT id FROM uploads WHERE has_bytes = 1 AND state IN ('aborted', 'expired', 'failed')",
};

/** @throws HoldfastError `storage_failed` from each of its functions where SQLite cannot read or what it reads is damaged. */
export interface Reader {
  upload(id: UploadId): UploadRecord | undefined;
  /** @throws HoldfastError `upload_not_found` */
  parts(id: UploadId): PartTable;
  file(id: FileId): FileRecord | undefined;
  unfinished(kind: Unfinished): readonly UploadId[];
  counts(): { readonly open: number; readonly files: number };
  close(): void;
}

export function openReader(path: string): Reader {
  const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  const findUpload = db.prepare("SELECT * FROM uploads WHERE id = ?");
  const findGrid = db.prepare("SELECT seq, size, part_size FROM uploads WHERE id = ?");
  const findPages = db.prepare("SELECT page, bits, digests FROM part_pages WHERE upload = ?");
  const findFile = db.prepare("SELECT * FROM files WHERE id = ?");
  const findUnfinished = {
    completing: db.prepare(UNFINISHED.completing),
    uncleared: db.prepare(UNFINISHED.uncleared),
  };
  const count = db.prepare("SELECT value FROM counters WHERE name = ?");

  function counter(name: string): number {
    return wholeAt(count.get(name) ?? {}, "value");
  }

  return {
    upload: (id) =>
      reading(() => {
        const row = findUpload.get(id);
        return row && decodeUpload(row);
      }),
    parts: (id) =>
      reading(() => {
        const row = findGrid.get(id);
        if (!row) throw new HoldfastError("upload_not_found");
        const grid = { size: wholeAt(row, "size"), partSize: wholeAt(row, "part_size") };
        return joinPages(grid, findPages.all(wholeAt(row, "seq")).map(decodePage));
      }),
    file: (id) =>
      reading(() => {
        const row = findFile.get(id);
        return row && decodeFile(row);
      }),
    unfinished: (kind) =>
      reading(() => findUnfinished[kind].all().map((row) => uploadIdAt(row, "id"))),
    counts: () => reading(() => ({ open: counter("open"), files: counter("files") })),
    close: () => db.close(),
  };
}

function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (isHoldfastError(cause)) throw cause;
    throw new HoldfastError("storage_failed", "the records cannot be read", {}, cause);
  }
}
