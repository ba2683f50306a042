// confirm: answers whether parts that went another way than through the asking client are committed with the digests it knows.
import {
  HoldfastError,
  hasPart,
  type PartDigest,
  type PartRange,
  requireInGrid,
} from "@holdfast/protocol";
import { requireNotEnded, requireSameDigest } from "./claims.ts";
import { commitStored } from "./commit-stored.ts";
import { type Context, doWork, useUpload } from "./context.ts";
import type { PartsConfirmed } from "./engine.ts";
import type { Principal } from "./records.ts";
import { committedCount, offsetOf, type Upload } from "./upload.ts";

/**
 * On this server's own storage a part is committed by the request that brought it, so there is nothing left to do here but to tell. A store that takes parts
 * without us is asked what it has.
 */
export function confirm(
  context: Context,
  principal: Principal,
  id: string,
  parts: readonly PartDigest[],
): Promise<PartsConfirmed> {
  return useUpload(context, principal, "write", id, async (upload) => {
    requireNotEnded(upload);
    let missing = missingOf(upload, parts);
    if (missing.size > 0 && context.storage.kind === "parts") {
      const { limits = {} } = principal;
      await doWork(context, () => commitStored(context, upload, missing, limits));
      missing = missingOf(upload, parts);
    }
    if (missing.size === 0) return { committed: committedCount(upload), offset: offsetOf(upload) };
    throw new HoldfastError("parts_missing", undefined, { missing: rangesOf(missing) });
  });
}

/** @throws HoldfastError `part_conflict` where one of them has another digest; `part_out_of_range`. */
function missingOf(upload: Upload, parts: readonly PartDigest[]): ReadonlySet<number> {
  const missing = new Set<number>();
  for (const { index, digest } of parts) {
    requireInGrid(upload.record, [index, index + 1]);
    if (hasPart(upload.bound, index)) requireSameDigest(upload, index, digest);
    if (!hasPart(upload.committed, index)) missing.add(index);
  }
  return missing;
}

/** Half-open, in order, with gaps between. */
function rangesOf(indexes: ReadonlySet<number>): readonly PartRange[] {
  const ranges: [number, number][] = [];
  for (const index of [...indexes].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last?.[1] === index) last[1] = index + 1;
    else ranges.push([index, index + 1]);
  }
  return ranges;
}
