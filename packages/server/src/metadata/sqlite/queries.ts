// What is asked of the records. Each list goes along an index: a test looks at the plans.
import type { DueFileKind, DueKind } from "@holdfast/engine";

/** In the words of the partial indexes, so that SQLite knows that they fit. */
const DUE_WHERE: Readonly<Record<Exclude<DueKind, DueFileKind>, string>> = {
  completing: "state = 'completing'",
  expired: "state = 'open'",
  uncleared: "has_bytes = 1 AND state IN ('aborted', 'expired', 'failed')",
  forgettable: "ended_at IS NOT NULL AND (state = 'complete' OR has_bytes = 0)",
};

function dueText(kind: Exclude<DueKind, DueFileKind>, at: "expires_at" | "ended_at"): string {
  return `SELECT id, NULL AS file_id, size, ${at} AS at FROM uploads
    WHERE ${DUE_WHERE[kind]} AND (${at}, id) > ($at, $id) AND ${at} < $before
    ORDER BY ${at}, id LIMIT $limit`;
}

export const DUE: Readonly<Record<DueKind, string>> = {
  completing: dueText("completing", "expires_at"),
  expired: dueText("expired", "expires_at"),
  uncleared: dueText("uncleared", "ended_at"),
  forgettable: dueText("forgettable", "ended_at"),
  deleting: `SELECT upload_id AS id, id AS file_id, size, created_at AS at FROM files
    WHERE state = 'deleting' AND (created_at, upload_id) > ($at, $id) AND created_at < $before
    ORDER BY created_at, upload_id LIMIT $limit`,
  damaged: `SELECT upload_id AS id, id AS file_id, size, created_at AS at FROM files
    WHERE is_damaged = 1 AND state = 'available' AND (created_at, upload_id) > ($at, $id)
      AND created_at < $before
    ORDER BY created_at, upload_id LIMIT $limit`,
};

type Query = "upload" | "uploadByKey" | "grid" | "pages" | "file" | "fileOf" | "files" | "usage";

const UPLOAD_COLUMNS = `uploads.*, tail_index, tail_size, tail_digest, tail_fragment, tail_objects
  FROM uploads LEFT JOIN tails ON tails.upload = uploads.seq`;

export const QUERIES: Readonly<Record<Query, string>> = {
  upload: `SELECT ${UPLOAD_COLUMNS} WHERE id = $id`,
  uploadByKey: `SELECT ${UPLOAD_COLUMNS}
    WHERE tenant = $tenant AND principal = $principal AND key_name = $key_name`,
  grid: "SELECT seq, size, part_size, version FROM uploads WHERE id = $id",
  pages: "SELECT page, bits, bound, digests FROM part_pages WHERE upload = $upload",
  file: "SELECT * FROM files WHERE id = $id",
  fileOf: "SELECT * FROM files WHERE upload_id = $upload",
  files: `SELECT * FROM files
    WHERE state = 'available' AND tenant = $tenant AND (created_at, id) < ($at, $id)
    ORDER BY created_at DESC, id DESC LIMIT $limit`,
  usage: `SELECT open, min(kib, ${Math.floor(Number.MAX_SAFE_INTEGER / 1024)}) AS kib, files
    FROM usage WHERE tenant = $tenant AND principal = $principal`,
};
