// The description of what can be done with files.
import { FILES_LIMIT, FILES_LIMIT_MAX } from "@holdfast/protocol";
import { z } from "zod";
import { headOf, json, type Operation } from "../operation.ts";
import { FileOrUpload, FilePage, Id, ManifestOrProof, PublicFile, Upload } from "../schemas.ts";
import { INTERIM_REPLY, INTEROP } from "./resumable.ts";
import { LINK_QUERY } from "./signed.ts";

const params = { id: Id };
const optional = z.string().optional();
const preconditions = {
  "If-Match": optional,
  "If-None-Match": optional,
  "If-Modified-Since": optional,
  "If-Unmodified-Since": optional,
};
const validators = { ETag: z.string(), "Last-Modified": z.string() };
const contentHeaders = {
  ...validators,
  "Accept-Ranges": z.string().optional().describe("Absent to a proxy that sends the file itself"),
  "Content-Disposition": z.string(),
};
const wanted = {
  "Want-Content-Digest": optional.describe(
    "`sha-256=10`: the digest of the bytes of this answer, where they are a part or few",
  ),
  "Want-Repr-Digest": optional.describe("The digest of the whole, where it is known"),
};
const digests = { "Repr-Digest": optional, "Content-Digest": optional };
const bytes = { type: "*/*" };

const postFile: Operation = {
  method: "POST",
  path: "/v1/files",
  id: "postFile",
  tag: "files",
  summary: "A whole file in one request, small or huge; its size need not be known",
  headers: {
    "Content-Disposition": z
      .string()
      .describe("Names the file: `attachment; filename*=UTF-8''a`; optional with Upload-Complete"),
    "Content-Digest": optional.describe("`sha-256=:<base64>:` of the whole"),
    "Repr-Digest": optional.describe("The same"),
    "Holdfast-Metadata": optional.describe("`:<base64 of a JSON object of texts>:`"),
    "Idempotency-Key": optional.describe("The same request under the same key has the same file"),
    "Holdfast-Client": optional,
    "Upload-Complete": z
      .enum(["?0", "?1"])
      .optional()
      .describe("Begins an upload that can be resumed; `?1`: the body is all of it"),
    "Upload-Length": z.int().min(0).optional().describe("What all of it will have"),
    ...INTEROP,
  },
  body: bytes,
  replies: {
    ...INTERIM_REPLY,
    201: {
      what: "The file; with `Upload-Complete: ?0` the upload",
      headers: { Location: z.string(), "Upload-Offset": z.int().min(0).optional() },
      content: json(FileOrUpload),
    },
    202: { what: "Its bytes are being read once more: its status tells", content: json(Upload) },
  },
  errors: [
    ...(["size_mismatch", "digest_unsupported", "file_digest_mismatch", "recovering"] as const),
    ...(["upload_not_found", "file_not_found", "part_busy", "parts_missing"] as const),
    ...(["upload_not_open"] as const),
    ...(["invalid_request", "invalid_digest", "body_size_mismatch", "body_stalled"] as const),
    ...(["digest_mismatch", "idempotency_conflict", "quota_exceeded", "size_too_large"] as const),
    ...([
      "append_in_progress",
      "part_conflict",
      "upload_ended",
      "claim_lost",
      "overloaded",
    ] as const),
    "storage_full",
  ],
};

const getFile: Operation = {
  method: "GET",
  path: "/v1/files/{id}",
  id: "getFile",
  tag: "files",
  summary: "The content, whole or in ranges; its ETag is the file's root",
  params,
  query: LINK_QUERY,
  headers: {
    ...{ ...preconditions, Range: optional, "If-Range": optional, ...wanted },
    "Holdfast-Verify": z
      .enum(["?1"])
      .optional()
      .describe("Checks each part where it is stored before a byte of it leaves"),
    "Holdfast-Redirect": z
      .enum(["?1"])
      .optional()
      .describe("Who asks checks every part, and may be led to the store with If-Match, too"),
  },
  replies: {
    200: { what: "All of it", headers: { ...contentHeaders, ...digests }, content: bytes },
    206: {
      what: "The range; several as `multipart/byteranges`, each part with its own `Content-Range`",
      headers: { ...contentHeaders, ...digests, "Content-Range": optional },
      content: bytes,
    },
    304: { what: "The client has it already", headers: validators },
    307: { what: "Its store has it, at an address that ends", headers: { Location: z.string() } },
  },
  errors: [
    ...(["signature_refused", "file_not_found", "precondition_failed"] as const),
    ...(["range_not_satisfiable", "part_damaged"] as const),
  ],
};

const getManifest: Operation = {
  method: "GET",
  path: "/v1/files/{id}/manifest",
  id: "getManifest",
  tag: "files",
  summary: "The file's parts with their digests, or with `proof` the proof for one of them",
  params,
  query: { ...LINK_QUERY, proof: z.int().min(0).optional().describe("Index of a part") },
  headers: { ...preconditions, ...wanted },
  replies: {
    200: {
      what: "The manifest, or the proof",
      headers: {
        ...digests,
        "Holdfast-Damaged": optional.describe("Parts of which the stored bytes are bad"),
      },
      content: json(ManifestOrProof),
    },
    304: { what: "The client has it already", headers: validators },
  },
  errors: [
    "signature_refused",
    "file_not_found",
    "invalid_request",
    "part_out_of_range",
    "precondition_failed",
  ],
};

const listFiles: Operation = {
  method: "GET",
  path: "/v1/files",
  id: "listFiles",
  tag: "files",
  summary: "The files of one's tenant, newest first, page by page",
  query: {
    limit: z.int().min(1).max(FILES_LIMIT_MAX).optional().describe(`${FILES_LIMIT} where absent`),
    after: z.string().optional().describe("`next` of the page before"),
  },
  replies: { 200: { what: "A page of them", content: json(FilePage) } },
  errors: ["invalid_request"],
};

const getLimits: Operation = {
  method: "OPTIONS",
  path: "/v1/files",
  id: "getLimits",
  tag: "files",
  summary: "What an upload may become, before one is begun",
  headers: INTEROP,
  replies: {
    204: {
      what: "The limits",
      headers: { "Upload-Limit": z.string().optional(), "Accept-Patch": z.string() },
    },
  },
  errors: [],
};

const deleteFile: Operation = {
  method: "DELETE",
  path: "/v1/files/{id}",
  id: "deleteFile",
  tag: "files",
  summary: "Removes a file: nobody finds it any more, then its bytes go",
  params,
  replies: { 204: { what: "It is gone" } },
  errors: ["file_not_found"],
};

const makePublic: Operation = {
  method: "PUT",
  path: "/v1/files/{id}/public",
  id: "makePublic",
  tag: "files",
  summary: "Lets everybody read a file, at an address that caches may keep for a year",
  params,
  replies: { 200: { what: "Everybody may", content: json(PublicFile) } },
  errors: ["file_not_found"],
};

const makePrivate: Operation = {
  method: "DELETE",
  path: "/v1/files/{id}/public",
  id: "makePrivate",
  tag: "files",
  summary: "Lets nobody read a file any more but by rights; caches keep what they have",
  params,
  replies: { 204: { what: "Nobody gets it there any more" } },
  errors: ["file_not_found"],
};

/** The same to everybody, at an address of its own. */
function publicOf({ query: _, ...operation }: Operation, path: string, id: string): Operation {
  const errors = operation.errors.filter((code) => code !== "signature_refused");
  return { ...operation, path, id, errors, isPublic: true };
}

const getPublic = publicOf(getFile, "/public/{id}", "getPublicFile");
const getPublicManifest = {
  ...publicOf(getManifest, "/public/{id}/manifest", "getPublicManifest"),
  query: { proof: z.int().min(0).optional().describe("Index of a part") },
};

export const FILES: readonly Operation[] = [
  makePublic,
  makePrivate,
  getPublic,
  headOf(getPublic, "headPublicFile"),
  getPublicManifest,
  headOf(getPublicManifest, "headPublicManifest"),
  listFiles,
  deleteFile,
  postFile,
  getLimits,
  getFile,
  headOf(getFile, "headFile"),
  getManifest,
  headOf(getManifest, "headManifest"),
];
