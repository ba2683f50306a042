// POST /v1/uploads/{id}/complete: publishes the file.
import { decodeComplete, encodeUpload } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { jsonReply, type Reply } from "../reply.ts";
import { readJson, requireIdentity } from "../request.ts";

export async function completeUpload(
  front: Front,
  { request, params, principal }: Call,
): Promise<Reply> {
  const [id = ""] = params;
  requireIdentity(request);
  const wants = decodeComplete((await readJson(request)) ?? {});
  const view = await front.engine.complete(principal, id, wants);
  // Its bytes are being read once more: the status tells what comes of it.
  return jsonReply(view.state === "completing" ? 202 : 200, encodeUpload(view));
}
