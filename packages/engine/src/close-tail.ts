// A tail that the size has made a whole part: with its last block written it becomes that part.
import { claimAppend } from "./claims.ts";
import type { Context } from "./context.ts";
import type { Body } from "./ports.ts";
import { createStage, endPart } from "./receive-append.ts";
import { resumePart } from "./resume-part.ts";
import type { Upload } from "./upload.ts";

/** Does nothing where there is no such tail. @throws what an append of nothing throws. */
export async function closeTail(context: Context, upload: Upload): Promise<void> {
  const { tail, size, partSize } = upload.record;
  if (!tail || tail.index * partSize + tail.size !== size) return;
  const nothing = { at: size, isLast: false, body: NO_BODY, bodySize: 0 };
  const claim = await claimAppend(context, upload, nothing);
  if (!claim) return;
  const stage = createStage(context, upload, nothing);
  try {
    await endPart(upload, await resumePart(context, upload), stage);
  } finally {
    await stage.settle();
    claim.end();
  }
  stage.committer.requireCommitted();
}

const NO_BODY: Body = {
  isExact: true,
  ready: async () => false,
  fill: async () => 0,
  interrupt: () => undefined,
  lastByteAt: () => Number.NEGATIVE_INFINITY,
  stop: () => undefined,
  stopped: () => undefined,
};
