// The description of what can be done to uploads.
import { z } from "zod";
import { headOf, json, type Operation } from "../operation.ts";
import { CompleteUpload, CreateUpload, Id, RunCommitted, StoredFile, Upload } from "../schemas.ts";
import { INTERIM_REPLY, INTEROP } from "./resumable.ts";
import { LINK_QUERY } from "./signed.ts";

const params = { id: Id };
const digestHeader = z.string().optional();
const flag = z.enum(["?0", "?1"]);
const uploadLength = z.int().min(0).optional().describe("Fixes the size, once");
const offsetHeaders = {
  "Upload-Offset": z.int().min(0),
  "Upload-Complete": flag,
  "Upload-Length": z.int().min(0).optional(),
  "Upload-Limit": z.string(),
  "Content-Location": z.string().optional().describe("The file, once it is complete"),
};
/** Older versions of the protocol have fewer of them. */
const toldHeaders = { "Upload-Offset": z.int().min(0), "Upload-Complete": flag.optional() };

const contentHeaders = {
  "Content-Disposition": z.string(),
  "Upload-Offset": z.int().min(0).describe("Contiguous committed bytes when it was asked"),
  "Upload-Complete": flag,
  "Upload-Length": z.int().min(0).optional(),
  "Content-Location": z.string().optional().describe("The file, once it is complete"),
  "Accept-Ranges": z.string().optional(),
  ETag: z.string().optional().describe("Of the bytes, however many; none on all that is there now"),
};
const contentBytes = { type: "*/*" };

const getContent: Operation = {
  method: "GET",
  path: "/v1/uploads/{id}/content",
  id: "getUploadContent",
  tag: "uploads",
  summary: "What is committed of an upload, before it is a file; for who may read",
  params,
  query: {
    ...LINK_QUERY,
    follow: z.enum(["1"]).optional().describe("What still comes, too, up to the end of the file"),
  },
  headers: {
    Range: z.string().optional(),
    "If-Range": z.string().optional(),
    "If-Match": z.string().optional(),
  },
  replies: {
    200: { what: "From the first byte on", headers: contentHeaders, content: contentBytes },
    206: {
      what: "The range; less of it where no more is committed",
      headers: { ...contentHeaders, "Content-Range": z.string() },
      content: contentBytes,
    },
    304: { what: "The client has it already, and it is complete", headers: { ETag: z.string() } },
  },
  errors: [
    ...(["upload_not_found", "file_not_found", "upload_ended", "upload_unreadable"] as const),
    ...(["recovering", "precondition_failed", "range_not_satisfiable"] as const),
    "signature_refused",
  ],
};

export const UPLOADS: readonly Operation[] = [
  {
    method: "POST",
    path: "/v1/uploads",
    id: "createUpload",
    tag: "uploads",
    summary: "Begin an upload",
    headers: { "Idempotency-Key": z.string().optional().describe("1 to 128 visible ASCII") },
    body: json(CreateUpload),
    replies: {
      201: { what: "The upload", headers: { Location: z.string() }, content: json(Upload) },
    },
    errors: [
      ...(["invalid_request", "size_too_large", "storage_full"] as const),
      ...(["idempotency_conflict", "quota_exceeded", "digest_unsupported"] as const),
    ],
  },
  {
    method: "GET",
    path: "/v1/uploads/{id}",
    id: "getUpload",
    tag: "uploads",
    summary: "How far an upload is; asking never changes anything",
    params,
    query: { digests: z.enum(["1"]).optional() },
    headers: INTEROP,
    replies: {
      200: { what: "The upload", content: json(Upload) },
      204: { what: "As HEAD, to who names a version", headers: toldHeaders },
    },
    errors: ["upload_not_found", "upload_ended", "recovering"],
  },
  getContent,
  headOf(getContent, "headContent"),
  {
    method: "GET",
    path: "/v1/uploads/{id}/events",
    id: "watchUpload",
    tag: "uploads",
    summary: "How it goes on: `progress` and `state` as server-sent events, the present first",
    params,
    replies: { 200: { what: "Until an end state", content: { type: "text/event-stream" } } },
    errors: ["upload_not_found"],
  },
  {
    method: "HEAD",
    path: "/v1/uploads/{id}",
    id: "getOffset",
    tag: "uploads",
    summary: "Where to go on appending; ends an append in flight",
    params,
    headers: INTEROP,
    replies: { 204: { what: "The offset", headers: { ...offsetHeaders, ...toldHeaders } } },
    errors: ["upload_not_found", "upload_ended", "recovering"],
  },
  {
    method: "PATCH",
    path: "/v1/uploads/{id}",
    id: "append",
    tag: "uploads",
    summary: "Append bytes at the offset; with `Upload-Complete: ?1` the last ones",
    params,
    headers: {
      "Upload-Offset": z.int().min(0),
      "Upload-Complete": flag,
      "Upload-Length": uploadLength,
      "Content-Digest": digestHeader.describe("Of the whole body: then all of it is kept or none"),
      "Holdfast-Client": z.string().optional(),
      ...INTEROP,
    },
    body: { type: "application/partial-upload" },
    replies: {
      ...INTERIM_REPLY,
      201: { what: "The file, with the last bytes", content: json(StoredFile) },
      202: { what: "Its bytes are being read once more: its status tells", content: json(Upload) },
      204: { what: "All of it is committed", headers: offsetHeaders },
    },
    errors: [
      "media_type_unsupported",
      ...(["file_not_found", "file_digest_mismatch", "parts_missing"] as const),
      ...(["invalid_request", "invalid_digest", "body_size_mismatch", "body_stalled"] as const),
      ...(["upload_not_found", "offset_mismatch", "append_in_progress", "part_busy"] as const),
      ...(["part_conflict", "size_mismatch", "size_too_large", "upload_not_open"] as const),
      ...(["upload_ended", "digest_mismatch", "overloaded", "recovering"] as const),
      ...(["claim_lost", "storage_full", "quota_exceeded"] as const),
    ],
  },
  {
    method: "DELETE",
    path: "/v1/uploads/{id}",
    id: "abortUpload",
    tag: "uploads",
    summary: "Abort: the bytes are removed",
    params,
    replies: { 204: { what: "It has ended" } },
    errors: ["upload_not_found", "upload_not_open", "upload_ended", "claim_lost"],
  },
  {
    method: "PUT",
    path: "/v1/uploads/{id}/parts/{run}",
    id: "putRun",
    tag: "uploads",
    summary: "Commit one part, or up to 64 consecutive ones",
    params: { id: Id, run: z.string().describe("`7`, or `7-11` with both ends included") },
    headers: {
      "Content-Digest": digestHeader.describe(
        "`sha-256=:<base64>:` of one part; `crc32c` of the body may stand beside",
      ),
      "Part-Digest": digestHeader.describe(
        "`sha-256=(:<base64>: ...)`, one for each part; `blake3` where the upload's are",
      ),
      "Upload-Length": uploadLength,
      "Holdfast-Client": z.string().optional(),
    },
    body: { type: "application/octet-stream" },
    replies: { 200: { what: "All of them are committed", content: json(RunCommitted) } },
    errors: [
      ...(["invalid_request", "invalid_digest", "body_size_mismatch", "body_stalled"] as const),
      ...(["part_out_of_range", "run_too_long", "upload_not_found", "part_conflict"] as const),
      ...(["part_busy", "append_in_progress", "size_mismatch", "size_too_large"] as const),
      ...(["upload_not_open", "upload_ended", "digest_mismatch", "quota_exceeded"] as const),
      ...(["overloaded", "recovering", "storage_full"] as const),
    ],
  },
  {
    method: "POST",
    path: "/v1/uploads/{id}/complete",
    id: "completeUpload",
    tag: "uploads",
    summary: "Publish the file",
    params,
    body: { ...json(CompleteUpload), isOptional: true },
    replies: {
      200: { what: "The upload with its file", content: json(Upload) },
      202: { what: "Its bytes are being read once more: its status tells", content: json(Upload) },
    },
    errors: [
      ...(["invalid_request", "upload_not_found", "parts_missing", "size_mismatch"] as const),
      ...([
        "root_mismatch",
        "file_digest_mismatch",
        "upload_not_open",
        "upload_ended",
        "recovering",
        "claim_lost",
      ] as const),
      ...(["append_in_progress", "part_busy", "size_too_large"] as const),
      ...(["storage_full", "quota_exceeded"] as const),
    ],
  },
];
