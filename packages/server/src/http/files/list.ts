// GET /v1/files: the files of the asker's tenant, page by page.
import { decodeFilesRequest, encodeFiles } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { jsonReply, type Reply } from "../reply.ts";

export async function listFiles({ engine }: Front, { request, principal }: Call): Promise<Reply> {
  const wants = decodeFilesRequest(request.query);
  const { files, next } = await engine.files(principal, wants);
  return jsonReply(200, encodeFiles(files, next));
}
