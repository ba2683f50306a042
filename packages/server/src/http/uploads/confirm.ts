// POST /v1/uploads/{id}/parts: confirms parts that did not come by a request of the client's own.
import { decodePartsWanted } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { jsonReply, type Reply } from "../reply.ts";
import { readJson, requireIdentity } from "../request.ts";

export async function confirmParts(
  { engine }: Front,
  { request, params, principal }: Call,
): Promise<Reply> {
  const [id = ""] = params;
  requireIdentity(request);
  const { parts } = decodePartsWanted(await readJson(request));
  return jsonReply(200, await engine.confirm(principal, id, parts));
}
