// A part that appends have made whole, on its way to its place: bound first, then put together from what is stored of it and what is in memory.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import { bindParts } from "./bind.ts";
import type { Context } from "./context.ts";
import { partsOf } from "./kinds.ts";
import { placeOf } from "./place.ts";
import { inPlace } from "./place-again.ts";
import type { BoundPart, PartBody } from "./ports.ts";
import { proveTail } from "./prove-tail.ts";
import type { CommittedPart } from "./records.ts";
import { tailAt } from "./tail.ts";
import { joined, type NextBytes } from "./tail-objects.ts";
import type { Upload } from "./upload.ts";

/** How often a part is sent whose bytes we have digested. */
const SENDS_MAX = 3;

/**
 * Resolves when the store has the part durably. May be repeated.
 * @throws HoldfastError `part_conflict` where it is bound to another digest; `storage_failed`; `upload_ended` where what is stored of it has proved bad.
 */
export async function putWhole(
  context: Context,
  upload: Upload,
  { index, size, digest }: BoundPart,
  bytes: NextBytes,
): Promise<CommittedPart> {
  const place = await placeOf(context, upload);
  await bindParts(context, upload, place, [{ index, digest }]);
  const hasObjects = bytes.objects.length > 0;
  for (let sends = 1; ; sends++) {
    const body: PartBody = hasObjects
      ? { kind: "stream", pieces: joined(context, upload, bytes) }
      : { kind: "memory", pieces: bytes.pieces };
    try {
      const put = () => partsOf(context).putPart(place, { index, size, digest }, body);
      await inPlace(context, upload, place, put);
      return { index, digest };
    } catch (error) {
      const isOther = isHoldfastError(error) && error.code === "digest_mismatch";
      // What is in memory the storage itself sends again where that may help.
      const isThere = upload.record.place === place;
      if (sends < SENDS_MAX && isThere && (isOther || hasObjects)) continue;
      const tail = tailAt(upload, index);
      if (tail) await proveTail(context, upload, tail);
      if (!isOther) throw error;
      throw new HoldfastError("storage_failed", "the store finds other bytes", { index }, error);
    }
  }
}
