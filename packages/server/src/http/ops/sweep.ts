// POST /v1/sweep: removes what has ended, or tells what would go.
import { encodeSweep, HoldfastError } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { jsonReply, type Reply } from "../reply.ts";

/** Of everybody's uploads and files: for who administers the server. */
export async function postSweep(
  { engine, guard }: Front,
  { request, principal }: Call,
): Promise<Reply> {
  const isDryRun = readSwitch(request.query, "dry-run");
  const isNow = readSwitch(request.query, "now");
  const takesUnrecorded = readSwitch(request.query, "unrecorded");
  async function isHeld(): Promise<boolean> {
    if (isNow && !isDryRun) await guard.trust();
    return isNow ? false : guard.isHeld();
  }
  const report = await engine.sweep(principal, { isDryRun, isHeld, takesUnrecorded });
  return jsonReply(200, encodeSweep(report));
}

/** Anything else is refused: who mistypes a dry run wants to see, not to sweep. */
function readSwitch(query: URLSearchParams, field: "dry-run" | "now" | "unrecorded"): boolean {
  const text = query.get(field);
  if (text === null || text === "0") return false;
  if (text === "1") return true;
  throw new HoldfastError("invalid_request", `${field} must be 1 or 0`, { field });
}
