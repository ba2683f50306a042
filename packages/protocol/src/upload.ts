// The upload on the wire: what creates it, what its status shows, what completes it.
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { type Algorithm, isAlgorithm } from "./digest.ts";
import { HoldfastError } from "./errors.ts";
import { decodeHex, encodeHex } from "./hex.ts";
import { type FileId, isFileId, isUploadId, type UploadId } from "./ids.ts";
import {
  addPart,
  countParts,
  createPartSet,
  type PartRange,
  type PartSet,
  partRanges,
} from "./part-set.ts";
import { fieldsOf, optionalText, optionalWhole, textAt, wholeAt } from "./read.ts";
import { checkMetadata, checkName, checkType, type Metadata } from "./text.ts";

export const UPLOAD_STATES = [
  "open",
  "completing",
  "complete",
  "failed",
  "aborted",
  "expired",
] as const;
export type UploadState = (typeof UPLOAD_STATES)[number];

/** Ranges up to this many, a bitmap above. */
export const COMMITTED_RANGES_MAX = 1000;

/** Body of `POST /v1/uploads`. Sizes in bytes. */
export interface CreateRequest {
  readonly name: string;
  readonly size: number;
  readonly type: string;
  readonly metadata: Metadata;
  readonly partSize?: number;
  readonly digest: Algorithm;
}

/** What the server tells of an upload. Sizes in bytes, times in milliseconds since 1970. */
export interface UploadView {
  readonly id: UploadId;
  readonly state: UploadState;
  readonly name: string;
  readonly type: string;
  readonly metadata: Metadata;
  readonly size: number;
  readonly partSize: number;
  readonly digest: Algorithm;
  readonly committed: PartSet;
  /** Contiguous committed bytes from 0. */
  readonly offset: number;
  readonly runPartsMax: number;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** Why it failed, or what its last complete met. */
  readonly error?: { readonly code: string; readonly detail: string };
  readonly file?: FileView;
  /** Only on request: part digests one after another, zeros where a part is not committed. */
  readonly digests?: Uint8Array;
}

/** A published file. */
export interface FileView {
  readonly id: FileId;
  /** Path on the same server, `/v1/files/{id}`. */
  readonly url: string;
  readonly size: number;
  /** Lower-case hexadecimal on the wire. */
  readonly root: Uint8Array;
}

/** Body of `POST .../complete`; all of it optional. */
export interface CompleteRequest {
  readonly size?: number;
  readonly root?: Uint8Array;
}

/** @throws HoldfastError `invalid_request` naming the field. */
export function decodeCreate(body: unknown): CreateRequest {
  const fields = fieldsOf(body, "body");
  const digest = fields.get("digest") ?? "sha-256";
  if (digest !== "sha-256")
    throw new HoldfastError("invalid_request", "digest must be sha-256", { field: "digest" });
  const partSize = optionalWhole(fields, "partSize");
  return {
    name: checkName(fields.get("name")),
    size: wholeAt(fields, "size"),
    type: checkType(fields.get("type")),
    metadata: checkMetadata(fields.get("metadata")),
    digest,
    ...(partSize === undefined ? {} : { partSize }),
  };
}

/** The JSON value that `decodeCreate` reads. */
export function encodeCreate(request: CreateRequest): object {
  return { ...request, metadata: Object.fromEntries(request.metadata) };
}

/** @throws HoldfastError `invalid_request` naming the field. */
export function decodeComplete(body: unknown): CompleteRequest {
  const fields = fieldsOf(body, "body");
  const size = optionalWhole(fields, "size");
  const text = optionalText(fields, "root");
  const root = text === undefined ? undefined : decodeHex(text);
  if (text !== undefined && root?.length !== 32) {
    throw new HoldfastError("invalid_request", "root must be 64 lower-case hexadecimal digits", {
      field: "root",
    });
  }
  return { ...(size === undefined ? {} : { size }), ...(root === undefined ? {} : { root }) };
}

export function encodeComplete(request: CompleteRequest): object {
  return { size: request.size, root: request.root && encodeHex(request.root) };
}

/** Committed parts on the wire: `count` always, and `ranges` (half-open) up to 1,000 of them or else a base64 `bitmap`. */
export function encodeCommitted(set: PartSet): object {
  const count = countParts(set);
  const ranges: PartRange[] = [];
  for (const range of partRanges(set)) {
    if (ranges.length === COMMITTED_RANGES_MAX) return { count, bitmap: encodeBase64(set.bits) };
    ranges.push(range);
  }
  return { count, ranges };
}

/** @throws HoldfastError `invalid_request` where it is neither form or does not fit the grid. */
export function decodeCommitted(value: unknown, partCount: number): PartSet {
  const fields = fieldsOf(value, "committed");
  const bitmap = optionalText(fields, "bitmap");
  const set =
    bitmap === undefined
      ? fromRanges(fields.get("ranges"), partCount)
      : createPartSet(partCount, decodeBase64(bitmap) ?? malformed());
  return countParts(set) === wholeAt(fields, "count") ? set : malformed();
}

function fromRanges(ranges: unknown, partCount: number): PartSet {
  if (!Array.isArray(ranges)) return malformed();
  const set = createPartSet(partCount);
  for (const range of ranges) {
    const [start, end]: unknown[] = Array.isArray(range) ? range : [];
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end)) return malformed();
    const [first, last] = [Number(start), Number(end)];
    if (first < 0 || first >= last || last > partCount) return malformed();
    for (let index = first; index < last; index++) addPart(set, index);
  }
  return set;
}

function malformed(): never {
  throw new HoldfastError(
    "invalid_request",
    "committed must be ranges or a bitmap within the grid",
    { field: "committed" },
  );
}

export function encodeFile(file: FileView): object {
  return { ...file, root: encodeHex(file.root) };
}

/** @throws HoldfastError `invalid_request` naming the field. */
export function decodeFile(value: unknown): FileView {
  const fields = fieldsOf(value, "file");
  const id = textAt(fields, "id");
  const root = decodeHex(textAt(fields, "root"));
  if (!isFileId(id) || root?.length !== 32)
    throw new HoldfastError("invalid_request", "file is malformed", { field: "file" });
  return { id, url: textAt(fields, "url"), size: wholeAt(fields, "size"), root };
}

/** The JSON value of an upload's status. */
export function encodeUpload(view: UploadView): object {
  const { committed, file, digests, metadata, ...plain } = view;
  return {
    ...plain,
    metadata: Object.fromEntries(metadata),
    partCount: committed.partCount,
    committed: encodeCommitted(committed),
    ...(file ? { file: encodeFile(file) } : {}),
    ...(digests ? { digests: encodeBase64(digests) } : {}),
  };
}

/** @throws HoldfastError `invalid_request` naming the field: what answered is no Holdfast server, or a newer one. */
export function decodeUpload(value: unknown): UploadView {
  const fields = fieldsOf(value, "upload");
  const id = textAt(fields, "id");
  const state = UPLOAD_STATES.find((known) => known === fields.get("state"));
  const digest: unknown = fields.get("digest");
  if (!isUploadId(id) || !state || !isAlgorithm(digest))
    throw new HoldfastError("invalid_request", "upload is malformed", { field: "upload" });
  const error =
    fields.get("error") === undefined ? undefined : fieldsOf(fields.get("error"), "error");
  const file = fields.get("file");
  const digests = optionalText(fields, "digests");
  return {
    id,
    state,
    digest,
    name: checkName(fields.get("name")),
    type: checkType(fields.get("type")),
    metadata: checkMetadata(fields.get("metadata")),
    size: wholeAt(fields, "size"),
    partSize: wholeAt(fields, "partSize"),
    committed: decodeCommitted(fields.get("committed"), wholeAt(fields, "partCount")),
    offset: wholeAt(fields, "offset"),
    runPartsMax: wholeAt(fields, "runPartsMax"),
    createdAt: wholeAt(fields, "createdAt"),
    expiresAt: wholeAt(fields, "expiresAt"),
    ...(error ? { error: { code: textAt(error, "code"), detail: textAt(error, "detail") } } : {}),
    ...(file === undefined ? {} : { file: decodeFile(file) }),
    ...(digests === undefined ? {} : { digests: decodeBase64(digests) ?? malformed() }),
  };
}
