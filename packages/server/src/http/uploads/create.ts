// POST /v1/uploads: begins an upload.
import { decodeCreate, decodeIdempotencyKey, encodeUpload } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { jsonReply, type Reply } from "../reply.ts";
import { readJson, requireIdentity } from "../request.ts";

export async function createUpload(front: Front, { request, principal }: Call): Promise<Reply> {
  requireIdentity(request);
  const key = decodeIdempotencyKey(request.header("idempotency-key"));
  const wants = decodeCreate(await readJson(request));
  const upload = await front.engine.create(principal, wants, key);
  return jsonReply(201, encodeUpload(upload), { location: `/v1/uploads/${upload.id}` });
}
