// POST /v1/sweep: removes what has ended, or tells what would go.
import { encodeSweep, HoldfastError } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { jsonReply, type Reply } from "../reply.ts";

/** Of everybody's uploads and files: for who administers the server. */
export async function postSweep({ engine }: Front, { request, principal }: Call): Promise<Reply> {
  const isDryRun = readSwitch(request.query.get("dry-run"));
  return jsonReply(200, encodeSweep(await engine.sweep(principal, { isDryRun })));
}

/** Anything else is refused: who mistypes a dry run wants to see, not to sweep. */
function readSwitch(text: string | null): boolean {
  if (text === null || text === "0") return false;
  if (text === "1") return true;
  throw new HoldfastError("invalid_request", "dry-run must be 1 or 0", { field: "dry-run" });
}
