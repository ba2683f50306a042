// Files on the wire: the list of them, page by page.
import { HoldfastError } from "./errors.ts";
import { encodeHex } from "./hex.ts";
import { type FileId, isFileId } from "./ids.ts";
import type { FileView } from "./upload.ts";

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
