// A partial is sealed before a final reads it. On a disk its bytes lie there to be read; in a store of parts they become one object first.
import { HoldfastError, toHoldfastError } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import { underClaim } from "./host-claim.ts";
import { sealBytes } from "./seal.ts";
import { isEvery } from "./size.ts";
import type { Upload } from "./upload.ts";

/**
 * Resolves when the bytes of a partial that has all of its parts can be read. May be repeated, also by several servers at once: its parts are settled, and so is
 * the place that they are in. Nothing of it is recorded, since the object itself says that it is there.
 *
 * @throws HoldfastError `storage_failed` with `details.isDamaged` where the store has lost some of them: such a partial has failed with that. What the storage throws.
 */
export async function sealPartial(context: Context, partial: Upload): Promise<void> {
  if (context.storage.kind === "regions") return;
  try {
    await underClaim(
      context,
      partial,
      () => "wanted",
      () => sealBytes(context, partial),
    );
  } catch (cause) {
    throw isLost(partial, cause) ? lost(partial, cause) : cause;
  }
}

/** What the store says counts once it has changed the record, or where that has ended and cannot change any more. */
function isLost({ record, committed }: Upload, cause: unknown): boolean {
  const { code, details } = toHoldfastError(cause);
  const isAbout =
    code === "parts_missing" || code === "upload_not_open" || details["isPlaceGone"] === true;
  return isAbout && !(record.state === "open" && isEvery(committed));
}

function lost({ record: { id } }: Upload, cause: unknown): HoldfastError {
  const message = `the store has lost bytes of partial ${id}`;
  return new HoldfastError("storage_failed", message, { isDamaged: true }, cause);
}
