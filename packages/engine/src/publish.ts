// Publishing: from `completing` to a visible file. Every step may be repeated, so that start-up can drive on what a crash interrupted.
import {
  encodeHex,
  fileId,
  HoldfastError,
  ID_BYTES,
  type Manifest,
  toHoldfastError,
} from "@holdfast/protocol";
import { endClaims, requireNotEnded } from "./claims.ts";
import { type Context, UPLOAD_TTL_MS } from "./context.ts";
import { beginHealing } from "./heal.ts";
import { writeManifest } from "./manifest.ts";
import type { FileRecord } from "./records.ts";
import { rootOf } from "./root.ts";
import { requireAllParts, type Upload } from "./upload.ts";

/** Resolves when the upload is `complete`. However many ask, it is done once. @param epoch That of the parts which were checked. */
export function driveToCompletion(
  context: Context,
  upload: Upload,
  epoch: number = upload.record.epoch,
): Promise<void> {
  if (upload.record.state === "complete") return Promise.resolve();
  upload.publishing ??= publish(context, upload, epoch).finally(() => {
    delete upload.publishing;
  });
  return upload.publishing;
}

async function publish(context: Context, upload: Upload, epoch: number): Promise<void> {
  await close(context, upload, epoch);
  const { record } = upload;
  const root = await rootOf(context, upload);
  let stored: Pick<FileRecord, "manifestSize" | "manifestDigest">;
  try {
    await context.storage.seal(record.id, record.size);
    stored = await writeManifest(context, record.id, manifestOf(upload, root));
  } catch (cause) {
    await reopen(context, upload, cause);
    throw cause;
  }
  const file = fileOf(context, upload, root, stored);
  const outbox = {
    id: encodeHex(context.random.bytes(ID_BYTES)),
    kind: "upload.complete",
    fileId: file.id,
    at: file.createdAt,
  } as const;
  await context.metadata.apply({ kind: "publish", file, outbox });
  const { error: _, tail: __, ...published } = upload.record;
  const endedAt = file.createdAt;
  upload.record = { ...published, state: "complete", fileId: file.id, endedAt };
}

/** `open -> completing`, conditional on the parts being those that were checked; then nobody writes any more. */
async function close(context: Context, upload: Upload, epoch: number): Promise<void> {
  // Healing may withdraw parts, and then this upload is open again with those missing.
  await upload.healing;
  requireNotEnded(upload);
  requireAllParts(upload);
  const { id, state } = upload.record;
  if (state === "open") {
    await context.metadata.apply({ kind: "seal", id, epoch });
    upload.record = { ...upload.record, state: "completing" };
  }
  const why = new HoldfastError("upload_not_open", undefined, { state: "completing" });
  await endClaims(upload.claims, why);
}

function manifestOf({ record, digests }: Upload, root: Uint8Array): Manifest {
  // The time of the last commit: the manifest has the same bytes however often publishing is tried, so that no attempt can spoil what another one published.
  const completedAt = record.expiresAt - UPLOAD_TTL_MS;
  const provenance = { createdAt: record.createdAt, completedAt, protocol: "parts" };
  return { ...record, digests, root, provenance };
}

function fileOf(
  context: Context,
  { record }: Upload,
  root: Uint8Array,
  stored: Pick<FileRecord, "manifestSize" | "manifestDigest">,
): FileRecord {
  const { tenant, principal, algorithm, size, partSize, name, type } = record;
  return {
    id: fileId(context.random.bytes(ID_BYTES)),
    uploadId: record.id,
    ...{ tenant, principal, algorithm, size, partSize, name, type, root },
    state: "available",
    ...stored,
    createdAt: context.clock.now(),
  };
}

/** The upload goes on: nothing was published. After anything but a full storage, what is committed is proved first. */
async function reopen(context: Context, upload: Upload, cause: unknown): Promise<void> {
  const { code, message } = toHoldfastError(cause);
  const error = { code, detail: message };
  await context.metadata.apply({ kind: "reopen", id: upload.record.id, error });
  upload.record = { ...upload.record, state: "open", error };
  if (code !== "storage_full") beginHealing(context, upload, cause);
}
