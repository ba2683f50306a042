// The prepared statements of the writer.
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { PAGE_PARTS } from "../records/pages.ts";

export const TEXTS = {
  begin: "BEGIN IMMEDIATE",
  commit: "COMMIT",
  rollback: "ROLLBACK",
  savepoint: "SAVEPOINT change",
  release: "RELEASE change",
  undo: "ROLLBACK TO change",

  findUpload: `SELECT seq, state, epoch, size, part_size, file_id, has_size, has_told_offset, has_bytes, expires_at, ended_at, reserved_kib, place, role FROM uploads WHERE id = $id`,
  findCreated: `SELECT tenant, principal, size, part_size, algorithm, name, created_at FROM uploads
    WHERE id = $id`,
  addUpload: `INSERT INTO uploads
    (id, state, epoch, expires_at, has_bytes, file_id, error_code, error_detail, tenant, principal, size, part_size, algorithm, created_at, name, type, metadata, has_size, has_told_offset, verify, protocol, role, note, sha256, sealed_sha256, key_name, key_request, ended_at, reserved_kib, place, home, version, claim_token, claim_holder, claim_until, claim_wanted_at, revoked)
    VALUES ($id, $state, $epoch, $expires_at, $has_bytes, $file_id, $error_code, $error_detail, $tenant, $principal, $size, $part_size, $algorithm, $created_at, $name, $type, $metadata, $has_size, $has_told_offset, $verify, $protocol, $role, $note, $sha256, $sealed_sha256, $key_name, $key_request, $ended_at, $reserved_kib, $place, $home, $version, $claim_token, $claim_holder, $claim_until, $claim_wanted_at, $revoked)`,
  findKey: `SELECT id FROM uploads
    WHERE tenant = $tenant AND principal = $principal AND key_name = $key_name`,
  findUsage: "SELECT open, kib FROM usage WHERE tenant = $tenant AND principal = $principal",
  addReserved: "UPDATE uploads SET reserved_kib = reserved_kib + $kib WHERE seq = $seq",
  setCame: `UPDATE uploads SET version = version + 1, expires_at = max(expires_at, $expires_at),
    protocol = coalesce(protocol, $protocol) WHERE seq = $seq`,
  setSize: "UPDATE uploads SET size = $size, has_size = 1, reserved_kib = $kib WHERE seq = $seq",
  setTold: "UPDATE uploads SET has_told_offset = 1 WHERE seq = $seq",
  setWithdrawn: `UPDATE uploads SET version = version + 1, state = 'open', sealed_sha256 = NULL, epoch = epoch + 1,
    reserved_kib = reserved_kib - $kib WHERE seq = $seq`,
  setFailed: `UPDATE uploads SET version = version + 1, state = 'failed', sealed_sha256 = NULL, epoch = epoch + 1, ended_at = $at,
    error_code = $code, error_detail = $detail WHERE seq = $seq`,
  setCompleting: `UPDATE uploads SET version = version + 1, sealed_sha256 = iif(state = 'open', $sha256, sealed_sha256),
    state = 'completing' WHERE seq = $seq`,
  setEpoch: "UPDATE uploads SET version = version + 1, epoch = $epoch WHERE seq = $seq",
  setPlace: "UPDATE uploads SET version = version + 1, place = $place WHERE seq = $seq",
  setMoved: `UPDATE uploads SET version = version + 1, state = $state, sealed_sha256 = NULL, epoch = epoch + 1,
    reserved_kib = reserved_kib - $kib, place = $place WHERE seq = $seq`,
  raiseVersion: "UPDATE uploads SET version = version + 1 WHERE seq = $seq",
  findRevoked: "SELECT revoked FROM uploads WHERE seq = $seq",
  setRevoked: "UPDATE uploads SET version = version + 1, revoked = $revoked WHERE seq = $seq",
  findClaim: `SELECT claim_token, claim_holder, claim_until, claim_wanted_at FROM uploads
    WHERE seq = $seq`,
  setClaim: `UPDATE uploads SET claim_token = $token, claim_holder = $holder, claim_until = $until,
    claim_wanted_at = $wanted_at WHERE seq = $seq`,
  findNow: "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now",
  setReopened: `UPDATE uploads SET version = version + 1, state = 'open', sealed_sha256 = NULL, error_code = $code, error_detail = $detail
    WHERE seq = $seq`,
  setComplete: `UPDATE uploads SET version = version + 1, state = 'complete', file_id = $file_id, ended_at = $at, error_code = NULL,
    error_detail = NULL, sealed_sha256 = NULL WHERE seq = $seq`,
  setEnded: `UPDATE uploads SET version = version + 1, state = $state, sealed_sha256 = NULL, ended_at = $at, error_code = coalesce($code, error_code),
    error_detail = iif($code IS NULL, error_detail, $detail) WHERE seq = $seq`,
  setCleared: "UPDATE uploads SET version = version + 1, has_bytes = 0 WHERE seq = $seq",
  dropUpload: "DELETE FROM uploads WHERE id = $id",

  findTail: `SELECT tail_index, tail_size, tail_digest, tail_fragment, tail_objects FROM tails
    WHERE upload = $upload`,
  putTail: `INSERT INTO tails (upload, tail_index, tail_size, tail_digest, tail_fragment, tail_objects)
    VALUES ($upload, $tail_index, $tail_size, $tail_digest, $tail_fragment, $tail_objects)
    ON CONFLICT (upload) DO UPDATE SET tail_index = excluded.tail_index,
      tail_size = excluded.tail_size, tail_digest = excluded.tail_digest,
      tail_fragment = excluded.tail_fragment, tail_objects = excluded.tail_objects`,
  dropTail: "DELETE FROM tails WHERE upload = $upload",

  findBits: "SELECT page, bits, bound FROM part_pages WHERE upload = $upload ORDER BY page",
  findBitsBackwards: `SELECT page, bits, bound FROM part_pages WHERE upload = $upload
    ORDER BY page DESC`,
  findPage: `SELECT page, bits, bound, digests FROM part_pages
    WHERE upload = $upload AND page = $page`,
  putPage: `INSERT INTO part_pages (upload, page, bits, bound, digests)
    VALUES ($upload, $page, $bits, $bound, $digests) ON CONFLICT (upload, page)
    DO UPDATE SET bits = excluded.bits, bound = excluded.bound, digests = excluded.digests`,

  addFile: `INSERT INTO files
    (id, upload_id, tenant, principal, size, part_size, algorithm, root, manifest_size, manifest_digest, manifest, created_at, name, type, sha256, place, home, state, notes, is_damaged)
    VALUES ($id, $upload_id, $tenant, $principal, $size, $part_size, $algorithm, $root, $manifest_size, $manifest_digest, $manifest, $created_at, $name, $type, $sha256, $place, $home, $state, $notes, $is_damaged)`,
  findFile: "SELECT seq, state, upload_id, place, notes FROM files WHERE id = $id",
  setNotes: "UPDATE files SET notes = $notes, is_damaged = $is_damaged WHERE seq = $seq",
  setFilePlace: `UPDATE files SET place = $place, notes = $notes, is_damaged = $is_damaged
    WHERE seq = $seq`,
  setDeleting: "UPDATE files SET state = 'deleting' WHERE seq = $seq",
  dropFile: "DELETE FROM files WHERE seq = $seq",
  addOutbox: "INSERT INTO outbox (id, kind, file_id, at) VALUES ($id, $kind, $file_id, $at)",
} as const;

export type Statements = Readonly<Record<keyof typeof TEXTS, StatementSync>> & {
  readonly pageParts: number;
};

export function prepareStatements(db: DatabaseSync): Statements {
  const prepare = (name: keyof typeof TEXTS) => db.prepare(TEXTS[name]);
  return {
    pageParts: PAGE_PARTS.sqlite,
    begin: prepare("begin"),
    commit: prepare("commit"),
    rollback: prepare("rollback"),
    savepoint: prepare("savepoint"),
    release: prepare("release"),
    undo: prepare("undo"),
    findUpload: prepare("findUpload"),
    findCreated: prepare("findCreated"),
    addUpload: prepare("addUpload"),
    findKey: prepare("findKey"),
    findUsage: prepare("findUsage"),
    addReserved: prepare("addReserved"),
    setCame: prepare("setCame"),
    setSize: prepare("setSize"),
    setTold: prepare("setTold"),
    setWithdrawn: prepare("setWithdrawn"),
    setFailed: prepare("setFailed"),
    setCompleting: prepare("setCompleting"),
    setEpoch: prepare("setEpoch"),
    setPlace: prepare("setPlace"),
    setMoved: prepare("setMoved"),
    raiseVersion: prepare("raiseVersion"),
    findRevoked: prepare("findRevoked"),
    setRevoked: prepare("setRevoked"),
    findClaim: prepare("findClaim"),
    setClaim: prepare("setClaim"),
    findNow: prepare("findNow"),
    setReopened: prepare("setReopened"),
    setComplete: prepare("setComplete"),
    setEnded: prepare("setEnded"),
    setCleared: prepare("setCleared"),
    dropUpload: prepare("dropUpload"),
    findTail: prepare("findTail"),
    putTail: prepare("putTail"),
    dropTail: prepare("dropTail"),
    findBits: prepare("findBits"),
    findBitsBackwards: prepare("findBitsBackwards"),
    findPage: prepare("findPage"),
    putPage: prepare("putPage"),
    addFile: prepare("addFile"),
    findFile: prepare("findFile"),
    setNotes: prepare("setNotes"),
    setFilePlace: prepare("setFilePlace"),
    setDeleting: prepare("setDeleting"),
    dropFile: prepare("dropFile"),
    addOutbox: prepare("addOutbox"),
  };
}
