// PATCH /v1/uploads/{id}: appends bytes at the upload's offset.
import {
  decodeAppendHead,
  decodeClient,
  decodeDigest,
  encodeUploadOffset,
} from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { emptyReply, type Reply } from "../reply.ts";
import { requireIdentity } from "../request.ts";

export async function appendUpload(
  { engine, clock }: Front,
  { request, params, principal }: Call,
): Promise<Reply> {
  const [id = ""] = params;
  requireIdentity(request);
  const head = decodeAppendHead(request.header);
  const digest = request.header("content-digest");
  const { body } = request;
  const ends = await engine.append(principal, {
    id,
    body,
    ...head,
    ...(body.size === undefined ? {} : { bodySize: body.size }),
    ...(digest === undefined ? {} : { digest: decodeDigest(digest, "sha-256") }),
    ...decodeClient(request.header("holdfast-client")),
  });
  return emptyReply(204, encodeUploadOffset(ends, clock.now()));
}
