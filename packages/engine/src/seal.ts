// Sealing: no further writes, and from here on the bytes can be read whole. Each kind of storage has its own way to that.
import { HoldfastError, isHoldfastError, partCount, partSizeAt } from "@holdfast/protocol";
import { digestOf } from "./claims.ts";
import type { Context } from "./context.ts";
import { withdraw } from "./heal.ts";
import { tokenOf } from "./host-claim.ts";
import { inPlace } from "./place-again.ts";
import type { BoundPart, PartStorage } from "./ports.ts";
import type { Place } from "./records.ts";
import { spentUnder } from "./tail-objects.ts";
import type { Upload } from "./upload.ts";

/**
 * May be repeated, also after an attempt whose outcome nobody knows.
 * @throws HoldfastError `parts_missing` where a store of parts does not have what it has answered for: those are withdrawn then. What the storage throws.
 */
export async function sealBytes(context: Context, upload: Upload): Promise<void> {
  const { storage } = context;
  const { id, size, place, home } = upload.record;
  if (storage.kind === "regions") await storage.seal(id, size);
  // An empty upload has nothing there.
  else if (place !== undefined && size > 0) {
    // Whoever sleeps on the way may find the upload opened again, with a tail that another server has told of.
    const isSpent = spentUnder(tokenOf(context, upload));
    await assemble(context, upload, storage, place);
    // All of them are in parts by now, or were never named by a record: what the store does not let go of keeps nobody from their file, and is the sweep's to find.
    const spent = storage.objects.removeTails(id, isSpent, home);
    await spent.catch((cause) => context.log("warn", "tails.left", { upload: id, cause }));
  }
}

/** Looks at a store that misses parts, and milliseconds between two of them: one list proves nothing. */
const LOOKS = 3;
const LOOK_MS = 1000;

async function assemble(
  context: Context,
  upload: Upload,
  storage: PartStorage,
  place: Place,
): Promise<void> {
  const parts = boundParts(upload);
  for (let looks = 1; ; looks++) {
    try {
      return await inPlace(context, upload, place, () => storage.assemble(place, parts));
    } catch (error) {
      const missing = missingIn(error);
      if (missing.length === 0) throw error;
      if (looks === LOOKS) {
        await withdraw(context, upload, missing);
        throw error;
      }
      await new Promise<void>((resolve) => context.clock.after(LOOK_MS, resolve));
      if (context.isDraining) throw new HoldfastError("shutting_down");
    }
  }
}

function boundParts(upload: Upload): readonly BoundPart[] {
  const { record } = upload;
  return Array.from({ length: partCount(record) }, (_, index) => ({
    index,
    size: partSizeAt(record, index),
    digest: digestOf(upload, index),
  }));
}

/** The parts that `parts_missing` names, half-open ranges in `details.missing`. */
function missingIn(error: unknown): readonly number[] {
  if (!isHoldfastError(error) || error.code !== "parts_missing") return [];
  const { missing } = error.details;
  const indexes: number[] = [];
  if (!Array.isArray(missing)) return indexes;
  for (const [start, end] of missing) {
    for (let index = Number(start); index < Number(end); index++) indexes.push(index);
  }
  return indexes;
}
