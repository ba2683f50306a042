// A tail that the size has made a whole part: with its last block written it becomes that part.
import { createStage } from "./append-stage.ts";
import { claimAppend } from "./claims.ts";
import type { Context } from "./context.ts";
import { createNoBody } from "./no-body.ts";
import { resumePart } from "./resume-part.ts";
import type { Upload } from "./upload.ts";

/** Does nothing where there is no such tail. @throws what an append of nothing throws. */
export async function closeTail(context: Context, upload: Upload): Promise<void> {
  const { tail, size, partSize } = upload.record;
  if (!tail || tail.index * partSize + tail.size !== size) return;
  const nothing = { at: size, isLast: false, body: createNoBody(), bodySize: 0 };
  const claim = await claimAppend(context, upload, nothing);
  if (!claim) return;
  const stage = createStage(context, upload, nothing, { limits: {}, claim });
  try {
    await stage.endPart(await resumePart(context, upload));
  } finally {
    await stage.settle();
    claim.end();
  }
  stage.requireCommitted();
}
