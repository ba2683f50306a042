// A final that gets nowhere: what it met a day ago it meets still, and its partials stay as long as it does.
import { toHoldfastError, type UploadId } from "@holdfast/protocol";
import { clear } from "./abort.ts";
import type { Context } from "./context.ts";
import { ifClaimed, ifFree, tokenOf } from "./host-claim.ts";

/** Ends it, with what its last attempt has met. @throws the cause where it is no such final, or the attempt was ended. */
export async function endStuck(
  context: Context,
  id: UploadId,
  { cause, isHeld }: { readonly cause: unknown; readonly isHeld: boolean },
): Promise<void> {
  const { code, message } = toHoldfastError(cause);
  const isOurs = code !== "shutting_down" && code !== "claim_lost" && !isHeld;
  await context.uploads.use(id, async (upload) => {
    const ending = async () => {
      const now = context.clock.now();
      const { role, state, expiresAt } = upload.record;
      const isStuck = role?.kind === "final" && state === "completing" && expiresAt <= now;
      if (!isStuck || upload.publishing || !isOurs) throw cause;
      const error = { code, detail: message };
      const end = { kind: "end", id, ...tokenOf(context, upload), state: "failed" } as const;
      await context.metadata.apply({ ...end, at: now, error });
      upload.record = { ...upload.record, state: "failed", endedAt: now, error };
      context.log("error", "final.given-up", { upload: id, cause });
      await clear(context, upload);
    };
    await ifClaimed(context, upload, ifFree, ending);
  });
}
