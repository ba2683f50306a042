// drain: no new work; what is in flight is committed or refused.
import { HoldfastError } from "@holdfast/protocol";
import type { Context } from "./context.ts";

/** Resolves when no verb is under way. Bodies that still come after `graceMs` are stopped: whole parts of theirs are committed, the rest is refused. */
export async function drain(context: Context, graceMs: number): Promise<void> {
  context.isDraining = true;
  for (const callOff of context.waiting.values()) callOff();
  const callOff = context.clock.after(graceMs, () => stopBodies(context));
  // Who ends lets go of claims, which is work too.
  while (context.work.size > 0) await Promise.allSettled(context.work);
  callOff();
}

function stopBodies(context: Context): void {
  context.isOverdue = true;
  for (const upload of context.uploads.all()) {
    for (const claim of upload.claims) claim.body.stop(new HoldfastError("shutting_down"));
  }
}
