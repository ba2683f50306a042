// status: what is known of an upload. Asking never ends or changes anything.
import { createPartSet, RUN_PARTS_MAX, type UploadView } from "@holdfast/protocol";
import { requireNotEnded } from "./claims.ts";
import { type Context, useUpload } from "./context.ts";
import { goesToStore } from "./presign.ts";
import type { FileRecord, Principal } from "./records.ts";
import { offsetOf, type Upload } from "./upload.ts";

export function status(context: Context, principal: Principal, id: string): Promise<UploadView> {
  return useUpload(context, principal, "write", id, (upload) => {
    // What time has ended has nothing to go on with: it says so for a day, then it is not known.
    if (upload.record.state === "expired") requireNotEnded(upload);
    return viewOf(context, upload);
  });
}

export async function viewOf(context: Context, upload: Upload): Promise<UploadView> {
  const { record } = upload;
  const isDirect = context.storage.transfer === "direct" && goesToStore(context, record);
  const file = record.fileId && (await context.metadata.file(record.fileId));
  return {
    id: record.id,
    state: record.state,
    name: record.name,
    type: record.type,
    metadata: record.metadata,
    size: record.size,
    hasSize: record.hasSize,
    partSize: record.partSize,
    digest: record.algorithm,
    committed: createPartSet(upload.committed.partCount, upload.committed.bits),
    offset: offsetOf(upload),
    runPartsMax: RUN_PARTS_MAX,
    // A signed request is bound to its bytes by a SHA-256.
    ...(isDirect && record.algorithm === "sha-256" ? { transfer: "direct" } : {}),
    createdAt: record.createdAt,
    expiresAt: record.expiresAt,
    ...(record.error ? { error: record.error } : {}),
    ...(file?.state === "available" ? { file: fileViewOf(file) } : {}),
  };
}

function fileViewOf({ id, size, root, sha256 }: FileRecord): NonNullable<UploadView["file"]> {
  return { id, url: `/v1/files/${id}`, size, root, ...(sha256 ? { sha256 } : {}) };
}
