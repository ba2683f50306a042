// POST /v1/files: a whole file in one request.
import {
  checkType,
  decodeClient,
  decodeDigest,
  decodeDisposition,
  decodeIdempotencyKey,
  decodeMetadataField,
  encodeStoredFile,
  equalBytes,
  HoldfastError,
} from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { jsonReply, type Reply } from "../reply.ts";
import { type Request, requireIdentity } from "../request.ts";

export async function postFile({ engine }: Front, { request, principal }: Call): Promise<Reply> {
  requireIdentity(request);
  const key = decodeIdempotencyKey(request.header("idempotency-key"));
  const { body } = request;
  const file = await engine.storeFile(principal, {
    name: decodeDisposition(request.header("content-disposition")),
    type: checkType(request.header("content-type")),
    metadata: decodeMetadataField(request.header("holdfast-metadata")),
    body,
    ...(body.size === undefined ? {} : { bodySize: body.size }),
    ...digestOf(request),
    ...(key === undefined ? {} : { key }),
    ...decodeClient(request.header("holdfast-client")),
  });
  return jsonReply(201, encodeStoredFile(file), { location: file.url });
}

/** Without a content-encoding both fields are about the same bytes. */
function digestOf({ header }: Request): { readonly digest?: Uint8Array } {
  const fields = [header("repr-digest"), header("content-digest")];
  const [digest, other] = fields.flatMap((field) =>
    field === undefined ? [] : [decodeDigest(field, "sha-256")],
  );
  if (digest && other && !equalBytes(digest, other)) {
    throw new HoldfastError("invalid_digest", "repr-digest and content-digest differ");
  }
  return digest ? { digest } : {};
}
