// What is asked of the records. Each list goes along an index: a test looks at the plans.
import type { DueFileKind, DueKind } from "@holdfast/engine";
import { FILES, namesOf, UPLOADS } from "./columns.ts";
import type { Statement } from "./connect.ts";

/** In the words of the partial indexes, so that PostgreSQL knows that they fit. */
const DUE_WHERE: Readonly<Record<Exclude<DueKind, DueFileKind>, string>> = {
  completing: "state = 'completing'",
  expired: "state = 'open'",
  uncleared: "has_bytes = 1 AND state IN ('aborted', 'expired', 'failed')",
  forgettable: "ended_at IS NOT NULL AND (state = 'complete' OR has_bytes = 0)",
};

function due(kind: "completing" | "expired"): Statement {
  // Along the index of minutes; within one, which few share, they are sorted.
  const text = `SELECT id, NULL AS file_id, size, expires_at AS at FROM uploads
    WHERE ${DUE_WHERE[kind]} AND expires_minute BETWEEN $1::bigint / 60000 AND $3::bigint / 60000
      AND (expires_at, id) > ($1, $2) AND expires_at < $3
    ORDER BY expires_minute, expires_at, id LIMIT $4`;
  return { name: `due-${kind}`, text };
}

function ended(kind: "uncleared" | "forgettable"): Statement {
  const text = `SELECT id, NULL AS file_id, size, ended_at AS at FROM uploads
    WHERE ${DUE_WHERE[kind]} AND (ended_at, id) > ($1, $2) AND ended_at < $3
    ORDER BY ended_at, id LIMIT $4`;
  return { name: `due-${kind}`, text };
}

export const DUE: Readonly<Record<DueKind, Statement>> = {
  completing: due("completing"),
  expired: due("expired"),
  uncleared: ended("uncleared"),
  forgettable: ended("forgettable"),
  deleting: {
    name: "due-deleting",
    text: `SELECT upload_id AS id, id AS file_id, size, created_at AS at FROM files
      WHERE state = 'deleting' AND (created_at, upload_id) > ($1, $2) AND created_at < $3
      ORDER BY created_at, upload_id LIMIT $4`,
  },
  damaged: {
    name: "due-damaged",
    text: `SELECT upload_id AS id, id AS file_id, size, created_at AS at FROM files
      WHERE is_damaged = 1 AND state = 'available' AND (created_at, upload_id) > ($1, $2)
        AND created_at < $3
      ORDER BY created_at, upload_id LIMIT $4`,
  },
};

type Query = "upload" | "uploadByKey" | "parts" | "file" | "fileOf" | "files" | "usage" | "usageOf";

const UPLOAD = `SELECT ${namesOf(UPLOADS)}, tail_index, tail_size, tail_digest, tail_fragment, tail_objects
  FROM uploads LEFT JOIN tails ON tails.upload = uploads.id`;
const FILE = `SELECT ${namesOf(FILES)} FROM files`;
/** Sums of more would not be exact. */
const KIB_MAX: number = Math.floor(Number.MAX_SAFE_INTEGER / 1024);

export const QUERIES: Readonly<Record<Query, Statement>> = {
  upload: { name: "upload", text: `${UPLOAD} WHERE id = $1` },
  uploadByKey: {
    name: "upload-by-key",
    text: `${UPLOAD} WHERE tenant = $1 AND principal = $2 AND key_name = $3`,
  },
  // Grid, version and parts as they were at one moment. An upload without a page gives one row.
  parts: {
    name: "parts",
    text: `SELECT size, part_size, version, page, bits, bound, digests
      FROM uploads LEFT JOIN part_pages ON part_pages.upload = uploads.id WHERE id = $1`,
  },
  file: { name: "file", text: `${FILE} WHERE id = $1` },
  fileOf: { name: "file-of", text: `${FILE} WHERE upload_id = $1` },
  files: {
    name: "files",
    text: `${FILE} WHERE state = 'available' AND tenant = $1 AND (created_at, id) < ($2, $3)
      ORDER BY created_at DESC, id DESC LIMIT $4`,
  },
  usage: {
    name: "usage",
    text: `SELECT coalesce(sum(open), 0)::bigint AS open,
      least(coalesce(sum(kib), 0), ${KIB_MAX})::bigint AS kib,
      coalesce(sum(files), 0)::bigint AS files FROM usage`,
  },
  usageOf: {
    name: "usage-of",
    text: `SELECT open, least(kib, ${KIB_MAX}) AS kib, files FROM usage
      WHERE tenant = $1 AND principal = $2`,
  },
};
