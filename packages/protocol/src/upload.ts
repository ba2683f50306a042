// The upload on the wire: what creates it, what its status shows, what completes it.
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { decodeCommitted, encodeCommitted } from "./committed.ts";
import { type Algorithm, DIGEST_SIZE, isAlgorithm } from "./digest.ts";
import type { TransferWay } from "./direct.ts";
import { HoldfastError } from "./errors.ts";
import { type Grid, partCount } from "./grid.ts";
import { decodeHex, encodeHex } from "./hex.ts";
import { type FileId, isFileId, isUploadId, type UploadId } from "./ids.ts";
import type { PartSet } from "./part-set.ts";
import { type Fields, fieldsOf, optionalText, optionalWhole, textAt, wholeAt } from "./read.ts";
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

/** Body of `POST /v1/uploads`. Sizes in bytes. */
export interface CreateRequest {
  readonly name: string;
  /** Absent where it is not known yet: it is fixed once, later. */
  readonly size?: number;
  /** The most that an upload of unknown size may become; only without `size`. */
  readonly maxSize?: number;
  readonly type: string;
  readonly metadata: Metadata;
  readonly partSize?: number;
  readonly digest: Algorithm;
  /** SHA-256 that the whole file must have: else the upload fails. */
  readonly sha256?: Uint8Array;
  /** `readback`: every part is read once more from the medium before the file is published. */
  readonly verify?: "readback";
  /** Its bytes are to be read while it grows: wherever they go, each part can be read as soon as it is committed. */
  readonly live?: true;
  /** Which way the parts are meant to come. They may come either way, so that nothing of it is kept. */
  readonly transfer?: TransferWay;
}

/** What the server tells of an upload. Sizes in bytes, times in milliseconds since 1970. */
export interface UploadView {
  readonly id: UploadId;
  readonly state: UploadState;
  readonly name: string;
  readonly type: string;
  readonly metadata: Metadata;
  /** Until `hasSize` the most that it may become: `maxSize` on the wire. */
  readonly size: number;
  /** Whether the size is fixed. */
  readonly hasSize: boolean;
  readonly partSize: number;
  readonly digest: Algorithm;
  readonly committed: PartSet;
  /** Contiguous committed bytes from 0. */
  readonly offset: number;
  readonly runPartsMax: number;
  /** `direct`: signed requests lead past the server to where parts are stored, so that this is the better way. Absent where parts best go through the server. */
  readonly transfer?: "direct";
  readonly createdAt: number;
  readonly expiresAt: number;
  /** Why it failed, or what its last complete met. */
  readonly error?: { readonly code: string; readonly detail: string };
  readonly file?: FileView;
  /** Only on request: part digests one after another, zeros where a part has none. One that an address was signed for has one before it is committed. */
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
  /** Of the whole, where it was verified; lower-case hexadecimal on the wire. */
  readonly sha256?: Uint8Array;
}

/** Body of `POST .../complete`; all of it optional. */
export interface CompleteRequest {
  readonly size?: number;
  readonly root?: Uint8Array;
  /** SHA-256 that the whole file must have: else the upload is open again. */
  readonly sha256?: Uint8Array;
}

/** @throws HoldfastError `invalid_request` naming the field. */
export function decodeCreate(body: unknown): CreateRequest {
  const fields = fieldsOf(body, "body");
  const size = optionalWhole(fields, "size");
  const maxSize = optionalWhole(fields, "maxSize");
  if (size !== undefined && maxSize !== undefined)
    throw new HoldfastError("invalid_request", "a size that is known needs no maxSize", {
      field: "maxSize",
    });
  const digest = fields.get("digest") ?? "sha-256";
  if (!isAlgorithm(digest))
    throw new HoldfastError("invalid_request", "digest must be sha-256 or blake3", {
      field: "digest",
    });
  const sha256 = optionalDigest(fields, "sha256");
  const verify = fields.get("verify") ?? "parts";
  if (verify !== "parts" && verify !== "readback")
    throw new HoldfastError("invalid_request", "verify must be parts or readback", {
      field: "verify",
    });
  // What this version cannot keep is refused: a promise that is passed over is worse than none.
  // Parts may come either way, whatever is said here: by the client's own requests, or by signed ones.
  const transfer = fields.get("transfer") ?? "server";
  if (transfer !== "server" && transfer !== "direct") {
    const why = "transfer must be server or direct";
    throw new HoldfastError("invalid_request", why, { field: "transfer" });
  }
  const live = fields.get("live") ?? false;
  if (live !== true && live !== false)
    throw new HoldfastError("invalid_request", "live must be true or false", { field: "live" });
  const partSize = optionalWhole(fields, "partSize");
  return {
    name: checkName(fields.get("name")),
    ...(size === undefined ? {} : { size }),
    ...(maxSize === undefined ? {} : { maxSize }),
    type: checkType(fields.get("type")),
    metadata: checkMetadata(fields.get("metadata")),
    digest,
    ...(partSize === undefined ? {} : { partSize }),
    ...(sha256 ? { sha256 } : {}),
    ...(verify === "readback" ? { verify } : {}),
    ...(live ? { live } : {}),
  };
}

/** The JSON value that `decodeCreate` reads. */
export function encodeCreate(request: CreateRequest): object {
  const { sha256, metadata } = request;
  return {
    ...request,
    metadata: Object.fromEntries(metadata),
    ...(sha256 ? { sha256: encodeHex(sha256) } : {}),
  };
}

/** @throws HoldfastError `invalid_request` naming the field. */
export function decodeComplete(body: unknown): CompleteRequest {
  const fields = fieldsOf(body, "body");
  const size = optionalWhole(fields, "size");
  const root = optionalDigest(fields, "root");
  const sha256 = optionalDigest(fields, "sha256");
  return {
    ...(size === undefined ? {} : { size }),
    ...(root ? { root } : {}),
    ...(sha256 ? { sha256 } : {}),
  };
}

function optionalDigest(fields: Fields, field: string): Uint8Array | undefined {
  const text = optionalText(fields, field);
  const digest = text === undefined ? undefined : decodeHex(text);
  if (text === undefined || digest?.length === DIGEST_SIZE) return digest;
  const message = `${field} must be 64 lower-case hexadecimal digits`;
  throw new HoldfastError("invalid_request", message, { field });
}

/** The JSON value that `decodeComplete` reads. */
export function encodeComplete(request: CompleteRequest): object {
  const { size, root, sha256 } = request;
  return { size, root: root && encodeHex(root), sha256: sha256 && encodeHex(sha256) };
}

// A client sends its token along: the address must not be able to lead to another server.
const LOCAL_PATH = /^\/(?![/\\])[!-[\]-~]*$/;

export function encodeFile(file: FileView): object {
  const { root, sha256 } = file;
  return { ...file, root: encodeHex(root), ...(sha256 ? { sha256: encodeHex(sha256) } : {}) };
}

/** @throws HoldfastError `invalid_request` naming the field. */
export function decodeFile(value: unknown): FileView {
  const fields = fieldsOf(value, "file");
  const id = textAt(fields, "id");
  const url = textAt(fields, "url");
  const root = decodeHex(textAt(fields, "root"));
  if (!isFileId(id) || !LOCAL_PATH.test(url) || root?.length !== DIGEST_SIZE)
    throw new HoldfastError("invalid_request", "file is malformed", { field: "file" });
  const sha256 = optionalDigest(fields, "sha256");
  return { id, url, size: wholeAt(fields, "size"), root, ...(sha256 ? { sha256 } : {}) };
}

/** The JSON value of an upload's status. */
export function encodeUpload(view: UploadView): object {
  const { committed, file, digests, metadata, size, hasSize, ...plain } = view;
  return {
    ...plain,
    ...(hasSize ? { size } : { maxSize: size }),
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
  if (!isUploadId(id) || !state || !isAlgorithm(digest)) throw inconsistent("upload");
  const grid = readGrid(fields);
  const error = fields.get("error");
  const file = fields.get("file");
  const digests = optionalText(fields, "digests");
  return {
    id,
    state,
    digest,
    ...grid,
    name: checkName(fields.get("name")),
    type: checkType(fields.get("type")),
    metadata: checkMetadata(fields.get("metadata")),
    committed: decodeCommitted(fields.get("committed"), partCount(grid)),
    offset: wholeUpTo(fields, "offset", grid.size),
    runPartsMax: readRunPartsMax(fields),
    ...(fields.get("transfer") === "direct" ? { transfer: "direct" } : {}),
    createdAt: wholeAt(fields, "createdAt"),
    expiresAt: wholeAt(fields, "expiresAt"),
    ...(error === undefined ? {} : { error: readError(error) }),
    ...(file === undefined ? {} : { file: decodeFile(file) }),
    ...(digests === undefined ? {} : { digests: readDigests(digests, grid) }),
  };
}

function readGrid(fields: Fields): Grid & { readonly hasSize: boolean } {
  const maxSize = optionalWhole(fields, "maxSize");
  const hasSize = maxSize === undefined;
  if (!hasSize && fields.get("size") !== undefined) throw inconsistent("maxSize");
  const size = maxSize ?? wholeAt(fields, "size");
  const grid = { size, hasSize, partSize: wholeAt(fields, "partSize") };
  if (grid.partSize === 0) throw inconsistent("partSize");
  if (wholeAt(fields, "partCount") !== partCount(grid)) throw inconsistent("partCount");
  return grid;
}

function wholeUpTo(fields: Fields, name: string, limit: number): number {
  const value = wholeAt(fields, name);
  if (value > limit) throw inconsistent(name);
  return value;
}

function readRunPartsMax(fields: Fields): number {
  const runPartsMax = wholeAt(fields, "runPartsMax");
  // With 0 a client could never send anything, and would try for ever.
  if (runPartsMax === 0) throw inconsistent("runPartsMax");
  return runPartsMax;
}

function readError(value: unknown): { readonly code: string; readonly detail: string } {
  const fields = fieldsOf(value, "error");
  return { code: textAt(fields, "code"), detail: textAt(fields, "detail") };
}

function readDigests(text: string, grid: Grid): Uint8Array {
  const digests = decodeBase64(text);
  if (digests?.length !== partCount(grid) * DIGEST_SIZE) throw inconsistent("digests");
  return digests;
}

function inconsistent(field: string): HoldfastError {
  return new HoldfastError("invalid_request", `${field} does not fit the rest of the upload`, {
    field,
  });
}
