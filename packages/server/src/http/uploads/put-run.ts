// PUT /v1/uploads/{id}/parts/{i} or {i}-{j}: stores consecutive parts.
import {
  decodeAllRunDigests,
  decodeClient,
  decodeCrc32c,
  decodeRunPath,
  decodeUploadLength,
} from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { jsonReply, type Reply } from "../reply.ts";
import { requireIdentity } from "../request.ts";

export async function putRun(
  { engine }: Front,
  { request, params, principal }: Call,
): Promise<Reply> {
  const [id = "", path = ""] = params;
  requireIdentity(request);
  const run = decodeRunPath(path);
  const contentDigest = request.header("content-digest");
  const partDigest = request.header("part-digest");
  const digests = decodeAllRunDigests({ contentDigest, partDigest }, run[1] - run[0]);
  const crc32c = decodeCrc32c(contentDigest);
  const { body } = request;
  const committed = await engine.putRun(principal, {
    id,
    run,
    digests,
    body,
    ...(crc32c === undefined ? {} : { crc32c }),
    ...(body.size === undefined ? {} : { bodySize: body.size }),
    ...decodeUploadLength(request.header),
    ...decodeClient(request.header("holdfast-client")),
  });
  return jsonReply(200, committed);
}
