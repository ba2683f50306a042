// OPTIONS /v1/files: what an upload may become, before one is begun.
import { APPEND_TYPE, spokenVersion, UPLOAD_LIFE_MS } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { emptyReply, type Reply } from "../reply.ts";

export async function getLimits({ engine }: Front, { request, principal }: Call): Promise<Reply> {
  const { codec, stamp } = spokenVersion(request.header);
  const limits = { maxSize: engine.sizeMax(principal), lifeMs: UPLOAD_LIFE_MS };
  const fields = { ...codec.limitFields(limits), ...stamp };
  return emptyReply(204, { allow: "GET, POST, OPTIONS", "accept-patch": APPEND_TYPE, ...fields });
}
