// offset: how many bytes an upload has without a gap. Asking for it ends an append in flight, so that what is told stays true.
import type { UploadOffset } from "@holdfast/protocol";
import { endAppends, recovering, requireNotEnded } from "./claims.ts";
import { type Context, doWork, useUpload } from "./context.ts";
import type { Principal } from "./records.ts";
import { requireTold } from "./told.ts";
import { offsetOf, type Upload } from "./upload.ts";

/** Healing takes as long as reading takes; who asks for an offset waits so long for it, in milliseconds. */
const HEALING_MS = 5000;

export function offset(context: Context, principal: Principal, id: string): Promise<UploadOffset> {
  return doWork(context, () =>
    useUpload(context, principal, "write", id, async (upload) => {
      await endAppends(upload);
      await requireHealed(context, upload);
      requireNotEnded(upload);
      return tellOffset(context, upload);
    }),
  );
}

/** An offset that is answered is a promise; the record says so first. */
export async function tellOffset(context: Context, upload: Upload): Promise<UploadOffset> {
  await requireTold(context, upload);
  const { state, hasSize, size, expiresAt, fileId } = upload.record;
  return {
    offset: offsetOf(upload),
    isComplete: state === "complete",
    ...(hasSize ? { size } : {}),
    maxSize: size,
    expiresAt,
    ...(fileId ? { fileUrl: `/v1/files/${fileId}` } : {}),
  };
}

/** @throws HoldfastError `recovering` where stored bytes are still being looked at: an offset that is told now might not hold. */
async function requireHealed(context: Context, upload: Upload): Promise<void> {
  const { healing } = upload;
  if (!healing) return;
  const { promise: patience, reject } = Promise.withResolvers<never>();
  const callOff = context.clock.after(HEALING_MS, () => reject(recovering()));
  await Promise.race([healing, patience]);
  callOff();
}
