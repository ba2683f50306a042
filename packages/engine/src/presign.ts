// presign: what signed requests for parts are bound to. Who signs, and how, is the front's; what may be signed is decided here.
import {
  HoldfastError,
  hasPart,
  type PartDigest,
  partSizeAt,
  requireInGrid,
} from "@holdfast/protocol";
import { requireNotEnded, requireOpen, requireSameDigest } from "./claims.ts";
import { type Context, useUpload } from "./context.ts";
import type { SignedPart } from "./engine.ts";
import type { Principal, UploadRecord } from "./records.ts";

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
    requireSha256(record);
    return parts.map(({ index, digest }) => {
      requireInGrid(record, [index, index + 1]);
      // Bytes that could never be taken need no address.
      if (hasPart(upload.committed, index)) requireSameDigest(upload, index, digest);
      return { id: record.id, index, size: partSizeAt(record, index), digest, epoch: record.epoch };
    });
  });
}

/** A signed request is bound to its bytes by a SHA-256, which the storage of others can check too. */
function requireSha256({ algorithm }: UploadRecord): void {
  if (algorithm === "sha-256") return;
  const message = "signed requests are for uploads with sha-256 digests";
  throw new HoldfastError("digest_unsupported", message, { algorithms: ["sha-256"] });
}
