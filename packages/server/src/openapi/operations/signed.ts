// The description of signed addresses: who may send parts or read a file without a token.
import { z } from "zod";
import { type Fields, json, type Operation } from "../operation.ts";
import {
  Id,
  Link,
  LinkWanted,
  PartsConfirmed,
  PartsWanted,
  RunCommitted,
  SignedRequests,
} from "../schemas.ts";

const params = { id: Id };
const signed = z.string().describe("As the server has written it");

/** What stands in the query of a read link, all of it or nothing. */
export const LINK_QUERY: Fields = {
  kid: signed.optional(),
  by: signed.optional(),
  iat: signed.optional(),
  exp: signed.optional(),
  link: signed.optional(),
  sig: signed.optional(),
};

export const SIGNED: readonly Operation[] = [
  {
    method: "POST",
    path: "/v1/uploads/{id}/requests",
    id: "signRequests",
    tag: "uploads",
    summary: "Signed requests for given parts: they need no token and bring exactly these bytes",
    params,
    body: json(PartsWanted),
    replies: { 200: { what: "One request for each part", content: json(SignedRequests) } },
    errors: [
      "digest_unsupported",
      ...(["invalid_digest", "upload_not_found", "part_out_of_range", "part_conflict"] as const),
      ...(["upload_not_open", "upload_ended", "recovering"] as const),
    ],
  },
  {
    method: "DELETE",
    path: "/v1/uploads/{id}/requests",
    id: "revokeRequests",
    tag: "uploads",
    summary: "Take back every request that was signed for this upload",
    params,
    replies: { 204: { what: "None of them counts any more" } },
    errors: ["upload_not_found", "upload_not_open", "upload_ended", "recovering"],
  },
  {
    method: "POST",
    path: "/v1/uploads/{id}/parts",
    id: "confirmParts",
    tag: "uploads",
    summary: "Whether all of these parts are committed with these digests",
    params,
    body: json(PartsWanted),
    replies: { 200: { what: "They are", content: json(PartsConfirmed) } },
    errors: [
      ...(["invalid_digest", "upload_not_found", "part_out_of_range", "part_conflict"] as const),
      ...(["parts_missing", "upload_not_open", "upload_ended", "recovering"] as const),
      ...(["append_in_progress", "quota_exceeded"] as const),
    ],
  },
  {
    method: "PUT",
    path: "/p/{kid}/{upload}/{part}",
    id: "putSignedPart",
    tag: "uploads",
    summary: "Commit one part by a signed request",
    params: { kid: signed, upload: Id, part: z.int().min(0) },
    query: {
      by: signed,
      iat: signed,
      exp: signed,
      e: signed,
      len: signed,
      dig: signed,
      sig: signed,
    },
    headers: { "Content-Digest": z.string().optional(), "Holdfast-Client": z.string().optional() },
    body: { type: "application/octet-stream" },
    replies: { 200: { what: "It is committed", content: json(RunCommitted) } },
    errors: [
      ...(["signature_refused", "forbidden", "invalid_digest", "body_size_mismatch"] as const),
      ...(["body_stalled", "part_out_of_range", "upload_not_found", "part_conflict"] as const),
      ...(["part_busy", "upload_not_open", "upload_ended", "digest_mismatch"] as const),
      ...(["append_in_progress", "overloaded", "recovering"] as const),
      ...(["storage_full", "quota_exceeded"] as const),
    ],
    isPublic: true,
  },
  {
    method: "POST",
    path: "/v1/files/{id}/links",
    id: "signLink",
    tag: "files",
    summary: "A link by which anybody may read this file and its manifest for a while",
    params,
    body: { ...json(LinkWanted), isOptional: true },
    replies: { 201: { what: "The link", headers: { Location: z.string() }, content: json(Link) } },
    errors: ["file_not_found"],
  },
  {
    method: "DELETE",
    path: "/v1/files/{id}/links/{link}",
    id: "revokeLink",
    tag: "files",
    summary: "Take one link back; the others stay",
    params: { ...params, link: Id },
    replies: { 204: { what: "It counts no more" } },
    errors: ["invalid_request", "file_not_found"],
  },
  {
    method: "POST",
    path: "/v1/uploads/{id}/links",
    id: "signContentLink",
    tag: "uploads",
    summary: "A link by which anybody may read what there is of this upload, and follow it",
    params,
    body: { ...json(LinkWanted), isOptional: true },
    replies: { 201: { what: "The link", headers: { Location: z.string() }, content: json(Link) } },
    errors: ["upload_not_found", "upload_ended", "upload_unreadable", "recovering"],
  },
  {
    method: "DELETE",
    path: "/v1/uploads/{id}/links/{link}",
    id: "revokeContentLink",
    tag: "uploads",
    summary: "Take one link back; the others stay",
    params: { ...params, link: Id },
    replies: { 204: { what: "It counts no more" } },
    errors: ["invalid_request", "upload_not_found"],
  },
];
