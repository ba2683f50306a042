// confirm: answers whether parts that went another way than through the asking client are committed with the digests it knows.
import {
  HoldfastError,
  hasPart,
  type PartDigest,
  type PartRange,
  requireInGrid,
} from "@holdfast/protocol";
import { requireNotEnded, requireSameDigest } from "./claims.ts";
import { type Context, useUpload } from "./context.ts";
import type { PartsConfirmed } from "./engine.ts";
import type { Principal } from "./records.ts";
import { committedCount, offsetOf } from "./upload.ts";

/** On this server's own storage a part is committed by the request that brought it, so there is nothing left to do here but to tell. */
export function confirm(
  context: Context,
  principal: Principal,
  id: string,
  parts: readonly PartDigest[],
): Promise<PartsConfirmed> {
  return useUpload(context, principal, "write", id, async (upload) => {
    requireNotEnded(upload);
    const missing = new Set<number>();
    for (const { index, digest } of parts) {
      requireInGrid(upload.record, [index, index + 1]);
      if (hasPart(upload.committed, index)) requireSameDigest(upload, index, digest);
      else missing.add(index);
    }
    if (missing.size === 0) return { committed: committedCount(upload), offset: offsetOf(upload) };
    throw new HoldfastError("parts_missing", undefined, { missing: rangesOf(missing) });
  });
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
