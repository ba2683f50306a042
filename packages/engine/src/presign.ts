// presign and revoke: what signed requests for parts are bound to, and how they end. Who signs, and how, is the front's.
import {
  HoldfastError,
  hasPart,
  type PartDigest,
  partSizeAt,
  requireInGrid,
} from "@holdfast/protocol";
import { requireNotEnded, requireOpen, requireSameDigest } from "./claims.ts";
import { type Context, doWork, useUpload } from "./context.ts";
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

/** Requests that are under way go on: what they bring is what was signed for. */
export function revoke(context: Context, principal: Principal, id: string): Promise<void> {
  return doWork(context, () =>
    useUpload(context, principal, "write", id, async (upload) => {
      requireNotEnded(upload);
      requireOpen(upload);
      const { epoch } = upload.record;
      await context.metadata.apply({ kind: "revoke", id: upload.record.id, epoch });
      // Another one, or a withdrawal, may have raised it meanwhile.
      const raised = Math.max(upload.record.epoch, epoch + 1);
      upload.record = { ...upload.record, epoch: raised };
    }),
  );
}
