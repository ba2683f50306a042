// HEAD /tus/{id}: where to go on.
import type { Call, Front } from "../front.ts";
import { emptyReply, type Reply } from "../reply.ts";
import { describedHeaders } from "./told.ts";

export async function getTusOffset({ engine }: Front, { params, principal }: Call): Promise<Reply> {
  const [id = ""] = params;
  return emptyReply(200, describedHeaders(await engine.offset(principal, id, "at-size")));
}
