// offset: how many bytes an upload has without a gap. Asking for it ends an append in flight, so that what is told stays true.
import { endAppends, recovering, requireNotEnded } from "./claims.ts";
import { closeTail } from "./close-tail.ts";
import { type Context, doWork, useUpload } from "./context.ts";
import type { ToldOffset } from "./engine.ts";
import { underClaim, whileOpen } from "./host-claim.ts";
import { driveAWhile } from "./publish.ts";
import type { Principal, UploadRecord } from "./records.ts";
import { isWhole } from "./size.ts";
import { requireTold } from "./told.ts";
import { offsetOf, type Upload } from "./upload.ts";

/** Healing takes as long as reading takes; who asks for an offset waits so long for it, in milliseconds. */
const HEALING_MS = 5000;

export function offset(
  context: Context,
  principal: Principal,
  id: string,
  completes?: "at-size",
): Promise<ToldOffset> {
  return doWork(context, () =>
    useUpload(context, principal, "write", id, async (upload) => {
      // What a final gets are its partials: nobody goes on with it in their stead.
      if (upload.record.role?.kind !== "final") await endAppends(upload);
      await endAppendsElsewhere(context, upload);
      await requireHealed(context, upload);
      requireNotEnded(upload);
      if (completes) await completeWhole(context, upload);
      return tellOffset(context, upload);
    }),
  );
}

/** Who hears that the last byte is there asks for nothing more: it must not have been for nothing, whichever protocol brought it. */
async function completeWhole(context: Context, upload: Upload): Promise<void> {
  const { role, state, hasSize, size, tail } = upload.record;
  // A crash may have come between a size that was told late and the part that it makes of the tail.
  if (state === "open" && hasSize && tail && offsetOf(upload) === size) {
    await underClaim(context, upload, whileOpen, () => closeTail(context, upload));
  }
  const isFinal = role?.kind === "final" && state === "completing";
  if (isFinal || isWhole(upload)) await driveAWhile(context, upload);
}

/** What another server is appending is committed, and known here, or that server does not answer and has lost the claim. */
async function endAppendsElsewhere(context: Context, upload: Upload): Promise<void> {
  await underClaim(context, upload, isElsewhere, async () => undefined);

  /** Where nobody holds the claim nobody is appending. */
  function isElsewhere(record: UploadRecord): "wanted" | "none" {
    const { holder } = record.claim ?? {};
    return holder === undefined || holder === context.host ? "none" : whileOpen(record);
  }
}

/** An offset that is answered is a promise; the record says so first. */
export async function tellOffset(context: Context, upload: Upload): Promise<ToldOffset> {
  await requireTold(context, upload);
  const { id, state, hasSize, size, expiresAt, fileId, role, note } = upload.record;
  return {
    id,
    state,
    offset: offsetOf(upload),
    isComplete: state === "complete",
    ...(hasSize ? { size } : {}),
    maxSize: size,
    expiresAt,
    ...(fileId ? { fileId, fileUrl: `/v1/files/${fileId}` } : {}),
    ...(role ? { role: role.kind } : {}),
    ...(note === undefined ? {} : { note }),
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
