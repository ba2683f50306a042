// Rows to records and back. What is read is checked: a row that no record could have written is a damaged file, not a value.
import type { SQLInputValue, SQLOutputValue } from "node:sqlite";
import type { FileRecord, OutboxEntry, UploadRecord } from "@holdfast/engine";
import {
  type Algorithm,
  type FileId,
  HoldfastError,
  isAlgorithm,
  isFileId,
  isUploadId,
  type Metadata,
  UPLOAD_STATES,
  type UploadId,
  type UploadState,
} from "@holdfast/protocol";
import type { PartPage } from "./pages.ts";

export type Row = Readonly<Record<string, SQLOutputValue>>;
export type Parameters = Record<string, SQLInputValue>;

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
  };
}

export function decodeUpload(row: Row): UploadRecord {
  const code = optionalTextAt(row, "error_code");
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
    createdAt: wholeAt(row, "created_at"),
    expiresAt: wholeAt(row, "expires_at"),
    epoch: wholeAt(row, "epoch"),
    hasBytes: wholeAt(row, "has_bytes") === 1,
    ...(code === undefined ? {} : { error: { code, detail: textAt(row, "error_detail") } }),
    ...(optionalTextAt(row, "file_id") === undefined ? {} : { fileId: fileIdAt(row, "file_id") }),
  };
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
    created_at: file.createdAt,
    name: file.name,
    type: file.type,
  };
}

export function decodeFile(row: Row): FileRecord {
  return {
    id: fileIdAt(row, "id"),
    tenant: textAt(row, "tenant"),
    principal: textAt(row, "principal"),
    uploadId: uploadIdAt(row, "upload_id"),
    algorithm: algorithmAt(row, "algorithm"),
    root: bytesAt(row, "root"),
    name: textAt(row, "name"),
    type: textAt(row, "type"),
    size: wholeAt(row, "size"),
    partSize: wholeAt(row, "part_size"),
    manifestSize: wholeAt(row, "manifest_size"),
    manifestDigest: bytesAt(row, "manifest_digest"),
    createdAt: wholeAt(row, "created_at"),
  };
}

export function encodeOutbox({ id, kind, fileId, at }: OutboxEntry): Parameters {
  return { id, kind, file_id: fileId, at };
}

export function decodePage(row: Row): PartPage {
  return {
    number: wholeAt(row, "page"),
    bits: bytesAt(row, "bits"),
    digests: bytesAt(row, "digests"),
  };
}

/** Undefined where the column is NULL. */
export function optionalTextAt(row: Row, column: string): string | undefined {
  return row[column] === null ? undefined : textAt(row, column);
}

export function textAt(row: Row, column: string): string {
  const value = row[column];
  return typeof value === "string" ? value : damaged(column);
}

export function wholeAt(row: Row, column: string): number {
  const value = row[column];
  return typeof value === "number" ? value : damaged(column);
}

function bytesAt(row: Row, column: string): Uint8Array {
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

function algorithmAt(row: Row, column: string): Algorithm {
  const value = textAt(row, column);
  return isAlgorithm(value) ? value : damaged(column);
}

function decodeMetadata(text: string): Metadata {
  const entries: unknown = JSON.parse(text);
  return new Map(Array.isArray(entries) ? entries : damaged("metadata"));
}

function damaged(column: string): never {
  throw new HoldfastError("storage_failed", `a record is damaged: ${column} has no valid value`);
}
