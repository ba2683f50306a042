// Files on the wire: the list of them, page by page; one that was stored in one request.
import { HoldfastError } from "./errors.ts";
import { encodeHex } from "./hex.ts";
import { type FileId, isFileId, isUploadId, type UploadId } from "./ids.ts";
import { fieldsOf, textAt, wholeAt } from "./read.ts";
import { decodeFile, type FileView } from "./upload.ts";

/** A file as lists show it. Times in milliseconds since 1970. */
export interface ListedFile extends FileView {
  readonly name: string;
  readonly type: string;
  readonly createdAt: number;
  /** Of the whole; only where it was verified. */
  readonly sha256?: Uint8Array;
}

/** The place of a file in the list of its tenant, newest first: files that come and go move nobody else's. */
export interface FileCursor {
  readonly createdAt: number;
  readonly id: FileId;
}

/** What a list is asked for. */
export interface FilesRequest {
  readonly limit: number;
  readonly after?: FileCursor;
}

export const FILES_LIMIT = 100;
export const FILES_LIMIT_MAX = 1000;

/** @throws HoldfastError `invalid_request` naming the parameter. */
export function decodeFilesRequest(query: URLSearchParams): FilesRequest {
  const cursor = query.get("after");
  const limit = readLimit(query.get("limit"));
  return cursor === null ? { limit } : { limit, after: readCursor(cursor) };
}

function readLimit(text: string | null): number {
  if (text === null) return FILES_LIMIT;
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= FILES_LIMIT_MAX) return limit;
  throw new HoldfastError("invalid_request", `limit must be from 1 to ${FILES_LIMIT_MAX}`, {
    field: "limit",
  });
}

const CURSOR = /^(\d{1,16})\.([a-z2-7]{26})$/;

/** Clients hand it back as it is. */
function readCursor(text: string): FileCursor {
  const [, time = "", id = ""] = CURSOR.exec(text) ?? [];
  const createdAt = Number(time);
  if (time !== "" && Number.isSafeInteger(createdAt) && isFileId(id)) return { createdAt, id };
  throw new HoldfastError("invalid_request", "after must be what an earlier answer had as `next`", {
    field: "after",
  });
}

/** The JSON value of a page; `next` only where there may be more. */
export function encodeFiles(files: readonly ListedFile[], next?: FileCursor): object {
  return {
    files: files.map(encodeListedFile),
    ...(next ? { next: `${next.createdAt}.${next.id}` } : {}),
  };
}

export function encodeListedFile(file: ListedFile): object {
  const { id, url, name, type, size, root, createdAt, sha256 } = file;
  return {
    ...{ id, url, name, type, size, root: encodeHex(root), createdAt },
    ...(sha256 ? { sha256: encodeHex(sha256) } : {}),
  };
}

/** What `POST /v1/files` answers: enough to compute the root, and to go on from as if the file had come in parts. */
export interface StoredFile extends ListedFile {
  readonly partSize: number;
  /** The upload that it was; its record is known for a day. */
  readonly upload: UploadId;
}

export function encodeStoredFile(file: StoredFile): object {
  const { partSize, upload } = file;
  return { ...encodeListedFile(file), partSize, upload };
}

/** As far as whoever stored it does not know it already. @throws HoldfastError `invalid_request` naming the field. */
export function decodeStoredFile(
  value: unknown,
): Pick<StoredFile, keyof FileView | "partSize" | "upload" | "createdAt"> {
  const fields = fieldsOf(value, "file");
  const upload = textAt(fields, "upload");
  if (!isUploadId(upload))
    throw new HoldfastError("invalid_request", "upload is malformed", { field: "upload" });
  const [partSize, createdAt] = [wholeAt(fields, "partSize"), wholeAt(fields, "createdAt")];
  if (partSize === 0)
    throw new HoldfastError("invalid_request", "partSize is malformed", { field: "partSize" });
  return { ...decodeFile(value), partSize, upload, createdAt };
}
