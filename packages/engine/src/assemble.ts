// assemble: reads the partials of a final once and appends their bytes to it, until it has them all.
import { HoldfastError, type UploadId } from "@holdfast/protocol";
import { createStage } from "./append-stage.ts";
import { endClaims, holdFinal, requireNotEnded } from "./claims.ts";
import type { Context } from "./context.ts";
import { tokenOf } from "./host-claim.ts";
import { createPartialsBody } from "./partials-body.ts";
import { receiveAppend } from "./receive-append.ts";
import { receiveAppendParts } from "./receive-append-parts.ts";
import { leavePart, resumePart } from "./resume-part.ts";
import { offsetOf, type Upload } from "./upload.ts";

/**
 * Appends what a final has not got of its partials yet. May be repeated: it goes on where it ended.
 * @throws HoldfastError `upload_ended` where bytes of a partial are lost, and the final with them; what reading and writing threw; why it was stopped.
 */
export async function assemble(
  context: Context,
  upload: Upload,
  partials: readonly UploadId[],
): Promise<void> {
  await upload.healing;
  requireNotEnded(upload);
  const { size } = upload.record;
  if (offsetOf(upload) === size) return;
  const body = createPartialsBody(context, partials, offsetOf(upload));
  const claim = holdFinal(upload, body);
  const stage = createStage(context, upload, { body }, { limits: {}, claim });
  try {
    if (context.isOverdue) throw new HoldfastError("shutting_down");
    const first = await resumePart(context, upload);
    if (stage.kind === "parts") {
      stage.part = await receiveAppendParts(context, upload, stage, first);
    } else stage.part = await receiveAppend(context, upload, stage, first);
    await stage.commit();
  } finally {
    body.close();
    await stage.settle();
    leavePart(upload, stage.part);
    claim.end();
  }
  stage.requireCommitted();
  await requireNoDamage(context, upload, body.stopped());
}

/** A partial whose bytes are lost has none to give: nothing of the final would ever come of it. */
async function requireNoDamage(
  context: Context,
  upload: Upload,
  why: HoldfastError | undefined,
): Promise<void> {
  if (!why) return;
  const isLost = why.details["isDamaged"] === true || why.code === "upload_not_found";
  if (!isLost) throw why;
  const { id } = upload.record;
  const at = context.clock.now();
  const error = { code: "storage_failed", detail: why.message };
  const token = tokenOf(context, upload);
  await context.metadata.apply({ kind: "end", id, ...token, state: "failed", at, error });
  upload.record = { ...upload.record, state: "failed", endedAt: at, error };
  throw new HoldfastError("upload_ended", why.message, { state: "failed" }, why);
}

/** Stops what is being put together, because the upload ends. */
export async function endAssembling(upload: Upload): Promise<void> {
  const { role, state } = upload.record;
  if (role?.kind !== "final" || state !== "completing") return;
  await endClaims(
    upload.claims,
    new HoldfastError("upload_ended", undefined, { state: "aborted" }),
  );
}
