// The description of tus 1.0.0: what its own specification says of fields and bodies is not said again here.
import { type ErrorCode, HoldfastError, tusStatusOf } from "@holdfast/protocol";
import { z } from "zod";
import type { Operation } from "../operation.ts";
import { Id } from "../schemas.ts";

const params = { id: Id };
const version = { "Tus-Resumable": z.literal("1.0.0") };
const text = z.string().optional();
const whole = z.int().min(0).optional();
const told = {
  ...version,
  "Upload-Offset": whole.describe("Absent for a final that is being put together"),
  "Upload-Expires": text,
  "Content-Location": text.describe("The file, once it is complete"),
};
const statusIn = (method: string) => (code: ErrorCode) =>
  tusStatusOf(new HoldfastError(code), method);

const REFUSED_BYTES = [
  ...(["invalid_digest", "body_size_mismatch", "body_stalled", "append_in_progress"] as const),
  ...(["part_busy", "part_conflict", "size_too_large", "digest_mismatch"] as const),
  ...(["upload_not_open", "upload_ended", "overloaded", "recovering", "storage_full"] as const),
];

export const TUS: readonly Operation[] = [
  {
    method: "POST",
    path: "/tus",
    id: "createTus",
    tag: "uploads",
    summary: "tus 1.0: begin an upload, perhaps with its first bytes",
    headers: {
      ...version,
      "Upload-Length": whole,
      "Upload-Defer-Length": z.enum(["1"]).optional(),
      "Upload-Metadata": text,
      "Upload-Concat": text,
      "Upload-Checksum": text,
    },
    body: { type: "application/offset+octet-stream", isOptional: true },
    replies: { 201: { what: "The upload", headers: { ...told, Location: z.string() } } },
    errors: [
      ...(["version_unsupported", "quota_exceeded", "upload_not_found"] as const),
      ...REFUSED_BYTES,
    ],
    statusOf: statusIn("POST"),
  },
  {
    method: "HEAD",
    path: "/tus/{id}",
    id: "getTusOffset",
    tag: "uploads",
    summary: "tus 1.0: where to go on; ends an append in flight",
    params,
    headers: version,
    replies: {
      200: {
        what: "The offset",
        headers: {
          ...told,
          "Upload-Length": whole,
          "Upload-Defer-Length": z.enum(["1"]).optional(),
          "Upload-Metadata": text,
          "Upload-Concat": text,
        },
      },
    },
    errors: [
      ...(["version_unsupported", "upload_not_found", "upload_ended", "recovering"] as const),
      ...(["upload_not_open", "storage_full"] as const),
    ],
    statusOf: statusIn("HEAD"),
  },
  {
    method: "PATCH",
    path: "/tus/{id}",
    id: "appendTus",
    tag: "uploads",
    summary: "tus 1.0: append bytes at the offset; the last one makes the file",
    params,
    headers: {
      ...version,
      "Upload-Offset": z.int().min(0),
      "Upload-Length": whole.describe("Fixes the size, once"),
      "Upload-Checksum": text.describe("Of the whole body: then all of it is kept or none"),
    },
    body: { type: "application/offset+octet-stream" },
    replies: { 204: { what: "All of it is committed", headers: told } },
    errors: [
      ...(["version_unsupported", "media_type_unsupported", "upload_not_found"] as const),
      ...(["offset_mismatch", "quota_exceeded"] as const),
      ...REFUSED_BYTES,
    ],
    statusOf: statusIn("PATCH"),
  },
  {
    method: "DELETE",
    path: "/tus/{id}",
    id: "deleteTus",
    tag: "uploads",
    summary: "tus 1.0: end an upload, or remove the file that it has become",
    params,
    headers: version,
    replies: { 204: { what: "It is gone", headers: version } },
    errors: ["version_unsupported", "upload_not_found", "upload_not_open", "upload_ended"],
    statusOf: statusIn("DELETE"),
  },
];
