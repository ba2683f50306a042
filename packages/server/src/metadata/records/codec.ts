// Rows to records and back. What is read is checked: a row that no record could have written is a damaged file, not a value.
import type {
  Claim,
  FileNotes,
  FileRecord,
  Home,
  OutboxEntry,
  Place,
  Protocol,
  RevokedLink,
  Role,
  Tail,
  TailObject,
  UploadRecord,
} from "@holdfast/engine";
import {
  type Algorithm,
  equalBytes,
  type FileId,
  HoldfastError,
  isAlgorithm,
  isFileId,
  isUploadId,
  KIB,
  type Metadata,
  UPLOAD_STATES,
  type UploadId,
  type UploadState,
} from "@holdfast/protocol";
import type { PartPage } from "./pages.ts";

export type Value = null | number | bigint | string | Uint8Array;
export type Row = Readonly<Record<string, Value>>;
export type Parameters = Record<string, Value>;

export function encodeUpload(upload: UploadRecord): Parameters {
  return {
    id: upload.id,
    state: upload.state,
    epoch: upload.epoch,
    expires_at: upload.expiresAt,
    has_bytes: upload.hasBytes ? 1 : 0,
    file_id: upload.fileId ?? null,
    error_code: upload.error?.code ?? null,
    error_detail: upload.error?.detail ?? null,
    tenant: upload.tenant,
    principal: upload.principal,
    size: upload.size,
    part_size: upload.partSize,
    algorithm: upload.algorithm,
    created_at: upload.createdAt,
    name: upload.name,
    type: upload.type,
    // A list of entries, not an object: any text may be a key, `__proto__` too.
    metadata: JSON.stringify([...upload.metadata]),
    has_size: upload.hasSize ? 1 : 0,
    has_told_offset: upload.hasToldOffset ? 1 : 0,
    verify: upload.verify,
    protocol: upload.protocol ?? null,
    role: upload.role ? JSON.stringify(upload.role) : null,
    note: upload.note ?? null,
    sha256: upload.sha256 ?? null,
    sealed_sha256: upload.sealedSha256 ?? null,
    place: upload.place ?? null,
    home: upload.home ?? null,
    version: upload.version,
    // An upload begins without a claim.
    claim_token: 0,
    claim_holder: null,
    claim_until: 0,
    claim_wanted_at: null,
    key_name: upload.key?.name ?? null,
    key_request: upload.key?.request ?? null,
    ended_at: upload.endedAt ?? null,
    // Nobody has a link to what has not begun.
    revoked: null,
    // What has no size yet counts by its committed parts.
    reserved_kib: upload.hasSize ? kibOf(upload.size) : 0,
  };
}

/** Whole KiB. */
export function kibOf(bytes: number): number {
  return Math.ceil(bytes / KIB);
}

export function encodeTail(upload: number, tail: Tail): Parameters {
  const { index, size, digest, fragment, objects } = tail;
  return {
    upload,
    tail_index: index,
    tail_size: size,
    tail_digest: digest,
    tail_fragment: fragment,
    tail_objects: objects ? JSON.stringify(objects.map(({ name, size }) => [name, size])) : null,
  };
}

/** Undefined where the row has none. */
export function decodeTail(row: Row): Tail | undefined {
  if (row["tail_index"] === null) return undefined;
  const objects = optionalTextAt(row, "tail_objects");
  return {
    index: wholeAt(row, "tail_index"),
    size: wholeAt(row, "tail_size"),
    digest: bytesAt(row, "tail_digest"),
    fragment: bytesAt(row, "tail_fragment"),
    ...(objects === undefined ? {} : { objects: decodeObjects(objects) }),
  };
}

/** A row of uploads with the columns of its tail, if it has one. */
export function decodeUpload(row: Row): UploadRecord {
  const code = optionalTextAt(row, "error_code");
  const tail = decodeTail(row);
  const sha256 = optionalBytesAt(row, "sha256");
  const sealedSha256 = optionalBytesAt(row, "sealed_sha256");
  const protocol = protocolAt(row, "protocol");
  const key = optionalBytesAt(row, "key_name");
  const endedAt = optionalWholeAt(row, "ended_at");
  const place = optionalPlaceAt(row);
  const home = optionalHomeAt(row);
  const role = roleAt(row);
  const note = optionalTextAt(row, "note");
  const revoked = revokedAt(row);
  return {
    id: uploadIdAt(row, "id"),
    tenant: textAt(row, "tenant"),
    principal: textAt(row, "principal"),
    state: stateAt(row, "state"),
    algorithm: algorithmAt(row, "algorithm"),
    name: textAt(row, "name"),
    type: textAt(row, "type"),
    metadata: decodeMetadata(textAt(row, "metadata")),
    size: wholeAt(row, "size"),
    partSize: wholeAt(row, "part_size"),
    hasSize: wholeAt(row, "has_size") === 1,
    hasToldOffset: wholeAt(row, "has_told_offset") === 1,
    verify: verifyAt(row, "verify"),
    ...(protocol ? { protocol } : {}),
    ...(role ? { role } : {}),
    ...(note === undefined ? {} : { note }),
    ...(revoked.length === 0 ? {} : { revoked }),
    ...(tail ? { tail } : {}),
    ...(place === undefined ? {} : { place }),
    ...(home === undefined ? {} : { home }),
    ...(sha256 ? { sha256 } : {}),
    ...(sealedSha256 ? { sealedSha256 } : {}),
    ...(key ? { key: { name: key, request: bytesAt(row, "key_request") } } : {}),
    createdAt: wholeAt(row, "created_at"),
    expiresAt: wholeAt(row, "expires_at"),
    ...(endedAt === undefined ? {} : { endedAt }),
    epoch: wholeAt(row, "epoch"),
    version: wholeAt(row, "version"),
    ...decodeClaim(row),
    hasBytes: wholeAt(row, "has_bytes") === 1,
    ...(code === undefined ? {} : { error: { code, detail: textAt(row, "error_detail") } }),
    ...(optionalTextAt(row, "file_id") === undefined ? {} : { fileId: fileIdAt(row, "file_id") }),
  };
}

function decodeClaim(row: Row): { readonly claim?: Claim } {
  const token = wholeAt(row, "claim_token");
  if (token === 0) return {};
  const holder = optionalTextAt(row, "claim_holder");
  const isWanted = row["claim_wanted_at"] !== null;
  return { claim: { token, ...(holder === undefined ? {} : { holder }), isWanted } };
}

export function encodeFile(file: FileRecord): Parameters {
  return {
    id: file.id,
    upload_id: file.uploadId,
    tenant: file.tenant,
    principal: file.principal,
    size: file.size,
    part_size: file.partSize,
    algorithm: file.algorithm,
    root: file.root,
    manifest_size: file.manifestSize,
    manifest_digest: file.manifestDigest,
    manifest: file.manifest ?? null,
    created_at: file.createdAt,
    name: file.name,
    type: file.type,
    sha256: file.sha256 ?? null,
    place: file.place ?? null,
    home: file.home ?? null,
    state: file.state,
    ...encodeNotes(file.notes),
  };
}

/** What is looked for by itself stands by itself, too. */
export function encodeNotes(notes: FileNotes = {}): Parameters {
  const isNone = Object.keys(notes).length === 0;
  return {
    notes: isNone ? null : JSON.stringify(notes),
    is_damaged: notes.damaged ? 1 : 0,
  };
}

/** Undefined where there are none. */
export function notesAt(row: Row): FileNotes | undefined {
  const text = optionalTextAt(row, "notes");
  if (text === undefined) return undefined;
  const { publicAt, revoked, damaged: bad }: Partial<Record<string, unknown>> = JSON.parse(text);
  const isTime = publicAt === undefined || typeof publicAt === "number";
  const isList = bad === undefined || (Array.isArray(bad) && bad.every(Number.isSafeInteger));
  if (!isTime || !isList) return damaged("notes");
  return {
    ...(publicAt === undefined ? {} : { publicAt }),
    ...(revoked === undefined ? {} : { revoked: decodeRevoked(revoked) }),
    ...(bad === undefined ? {} : { damaged: bad }),
  };
}

export function encodeRevoked(revoked: readonly RevokedLink[]): string {
  return JSON.stringify(revoked);
}

export function revokedAt(row: Row): readonly RevokedLink[] {
  const text = optionalTextAt(row, "revoked");
  return text === undefined ? [] : decodeRevoked(JSON.parse(text));
}

function decodeRevoked(value: unknown): readonly RevokedLink[] {
  if (!Array.isArray(value)) return damaged("revoked");
  return value.map((one: Partial<Record<string, unknown>>) => {
    const { id, before, until } = one;
    if (typeof until !== "number") return damaged("revoked");
    if (typeof before === "number") return { before, until };
    return typeof id === "string" ? { id, until } : damaged("revoked");
  });
}

export function decodeFile(row: Row): FileRecord {
  const sha256 = optionalBytesAt(row, "sha256");
  const manifest = optionalBytesAt(row, "manifest");
  const place = optionalPlaceAt(row);
  const home = optionalHomeAt(row);
  const notes = notesAt(row);
  return {
    id: fileIdAt(row, "id"),
    tenant: textAt(row, "tenant"),
    principal: textAt(row, "principal"),
    uploadId: uploadIdAt(row, "upload_id"),
    algorithm: algorithmAt(row, "algorithm"),
    ...(place === undefined ? {} : { place }),
    ...(home === undefined ? {} : { home }),
    root: bytesAt(row, "root"),
    ...(sha256 ? { sha256 } : {}),
    state: fileStateAt(row, "state"),
    name: textAt(row, "name"),
    type: textAt(row, "type"),
    size: wholeAt(row, "size"),
    partSize: wholeAt(row, "part_size"),
    manifestSize: wholeAt(row, "manifest_size"),
    manifestDigest: bytesAt(row, "manifest_digest"),
    ...(manifest ? { manifest } : {}),
    createdAt: wholeAt(row, "created_at"),
    ...(notes ? { notes } : {}),
  };
}

export function encodeOutbox({ id, kind, fileId, at }: OutboxEntry): Parameters {
  return { id, kind, file_id: fileId, at };
}

export function encodePage(upload: number, { number, bits, bound, digests }: PartPage): Parameters {
  // Where parts need no place they are never bound alone: NULL stands for the committed ones.
  return { upload, page: number, bits, bound: equalBytes(bits, bound) ? null : bound, digests };
}

export function decodePage(row: Row): PartPage {
  return {
    number: wholeAt(row, "page"),
    bits: bytesAt(row, "bits"),
    bound: new Uint8Array(boundAt(row)),
    digests: bytesAt(row, "digests"),
  };
}

/** The parts of a page that are bound: all that are committed, and others. */
export function boundAt(row: Row): Uint8Array {
  return optionalBytesAt(row, "bound") ?? bytesAt(row, "bits");
}

export function optionalPlaceAt(row: Row): Place | undefined {
  return optionalTextAt(row, "place") as Place | undefined;
}

function optionalHomeAt(row: Row): Home | undefined {
  return optionalTextAt(row, "home") as Home | undefined;
}

/** Undefined where the column is NULL. */
export function optionalTextAt(row: Row, column: string): string | undefined {
  return row[column] === null ? undefined : textAt(row, column);
}

export function textAt(row: Row, column: string): string {
  const value = row[column];
  return typeof value === "string" ? value : damaged(column);
}

/** Undefined where the column is NULL. */
export function optionalWholeAt(row: Row, column: string): number | undefined {
  return row[column] === null ? undefined : wholeAt(row, column);
}

export function wholeAt(row: Row, column: string): number {
  const value = row[column];
  return typeof value === "number" ? value : damaged(column);
}

function optionalBytesAt(row: Row, column: string): Uint8Array | undefined {
  return row[column] === null ? undefined : bytesAt(row, column);
}

export function bytesAt(row: Row, column: string): Uint8Array {
  const value = row[column];
  return value instanceof Uint8Array ? value : damaged(column);
}

export function uploadIdAt(row: Row, column: string): UploadId {
  const value = textAt(row, column);
  return isUploadId(value) ? value : damaged(column);
}

export function fileIdAt(row: Row, column: string): FileId {
  const value = textAt(row, column);
  return isFileId(value) ? value : damaged(column);
}

export function stateAt(row: Row, column: string): UploadState {
  const value = textAt(row, column);
  return UPLOAD_STATES.find((state) => state === value) ?? damaged(column);
}

function fileStateAt(row: Row, column: string): FileRecord["state"] {
  const value = textAt(row, column);
  return value === "available" || value === "deleting" ? value : damaged(column);
}

function verifyAt(row: Row, column: string): UploadRecord["verify"] {
  const value = textAt(row, column);
  return value === "parts" || value === "readback" ? value : damaged(column);
}

function protocolAt(row: Row, column: string): Protocol | undefined {
  const value = optionalTextAt(row, column);
  if (value === undefined) return undefined;
  return PROTOCOLS.find((known) => known === value) ?? damaged(column);
}

const PROTOCOLS: readonly Protocol[] = ["parts", "appends", "file", "tus"];

export function roleAt(row: Row): Role | undefined {
  const text = optionalTextAt(row, "role");
  if (text === undefined) return undefined;
  const role: Partial<Record<string, unknown>> = JSON.parse(text);
  if (role["kind"] === "partial") return { kind: "partial" };
  const partials: unknown = role["partials"];
  if (role["kind"] !== "final" || !Array.isArray(partials)) return damaged("role");
  const ids = partials.map((id: unknown) =>
    typeof id === "string" && isUploadId(id) ? id : damaged("role"),
  );
  return { kind: "final", partials: ids };
}

function algorithmAt(row: Row, column: string): Algorithm {
  const value = textAt(row, column);
  return isAlgorithm(value) ? value : damaged(column);
}

function decodeObjects(text: string): readonly TailObject[] {
  const pairs: unknown = JSON.parse(text);
  if (!Array.isArray(pairs)) return damaged("tail_objects");
  return pairs.map((pair: unknown) => {
    const [name, size]: readonly unknown[] = Array.isArray(pair) ? pair : [];
    if (typeof name !== "string" || typeof size !== "number") return damaged("tail_objects");
    return { name, size };
  });
}

function decodeMetadata(text: string): Metadata {
  const entries: unknown = JSON.parse(text);
  return new Map(Array.isArray(entries) ? entries : damaged("metadata"));
}

function damaged(column: string): never {
  throw new HoldfastError("storage_failed", `a record is damaged: ${column} has no valid value`);
}
