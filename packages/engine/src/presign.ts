// presign: what signed requests for parts are bound to. Who signs, and how, is the front's; what may be signed is decided here.
import { hasPart, type PartDigest, partSizeAt, requireInGrid } from "@holdfast/protocol";
import { requireNotEnded, requireOpen, requireSameDigest } from "./claims.ts";
import { type Context, useUpload } from "./context.ts";
import type { SignedPart } from "./engine.ts";
import type { Principal } from "./records.ts";

export function presign(
  context: Context,
  principal: Principal,
  id: string,
  parts: readonly PartDigest[],
): Promise<readonly SignedPart[]> {
  return useUpload(context, principal, "write", id, async (upload) => {
    requireNotEnded(upload);
    requireOpen(upload);
    const { record } = upload;
    return parts.map(({ index, digest }) => {
      requireInGrid(record, [index, index + 1]);
      // Bytes that could never be taken need no address.
      if (hasPart(upload.committed, index)) requireSameDigest(upload, index, digest);
      return { id: record.id, index, size: partSizeAt(record, index), digest, epoch: record.epoch };
    });
  });
}
