// presign and revoke: what signed requests for parts are bound to, and how they end. Who signs is the front, or a storage that takes parts without us.
import {
  HoldfastError,
  hasPart,
  type PartDigest,
  partSizeAt,
  requireInGrid,
} from "@holdfast/protocol";
import { bindParts } from "./bind.ts";
import { requireNotEnded, requireOpen, requireSameDigest } from "./claims.ts";
import { type Context, doWork, useUpload } from "./context.ts";
import type { Presigned, SignedPart } from "./engine.ts";
import { partsOf } from "./kinds.ts";
import { placeOf } from "./place.ts";
import type { SignedRequest } from "./ports.ts";
import type { Principal, UploadRecord } from "./records.ts";
import { tailAt } from "./tail.ts";
import type { Upload } from "./upload.ts";

export function presign(
  context: Context,
  principal: Principal,
  id: string,
  parts: readonly PartDigest[],
  lifeMs: number,
  to: "anywhere" | "us" = "anywhere",
): Promise<Presigned> {
  return useUpload(context, principal, "write", id, async (upload) => {
    requireNotEnded(upload);
    requireOpen(upload);
    const { record } = upload;
    requireSha256(record);
    const signed = parts.map(({ index, digest }) => {
      requireInGrid(record, [index, index + 1]);
      // Bytes that could never be taken need no address.
      if (hasPart(upload.bound, index)) requireSameDigest(upload, index, digest);
      return { id: record.id, index, size: partSizeAt(record, index), digest, epoch: record.epoch };
    });
    // What is to be read at once comes to us, who know of it at once.
    const isOurs = to === "us" || !goesToStore(context, record);
    if (isOurs) return { server: signed, storage: [] };
    // Where appends have begun a part its beginning is compared: only we can do that.
    const server = signed.filter(({ index }) => tailAt(upload, index));
    const direct = signed.filter(({ index }) => !tailAt(upload, index));
    if (direct.length === 0) return { server, storage: [] };
    const storage = await doWork(context, () => signForStorage(context, upload, direct, lifeMs));
    return { server, storage };
  });
}

/** Whether parts may go past us. */
export function goesToStore({ storage }: Context, { place }: UploadRecord): boolean {
  if (storage.kind === "regions") return false;
  return place === undefined || !storage.objects.isStaged(place);
}

/** The store holds whoever comes to the digest that each part is bound to before there is an address. */
async function signForStorage(
  context: Context,
  upload: Upload,
  parts: readonly SignedPart[],
  lifeMs: number,
): Promise<readonly SignedRequest[]> {
  const place = await placeOf(context, upload);
  await bindParts(context, upload, place, parts);
  return partsOf(context).sign(place, parts, lifeMs);
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
