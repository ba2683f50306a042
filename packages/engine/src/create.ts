// create: records a new upload. Its bytes get a home with the first part.
import {
  type CreateRequest,
  choosePartSize,
  HoldfastError,
  ID_BYTES,
  type UploadView,
  uploadId,
} from "@holdfast/protocol";
import { authorize, type Context, doWork, UPLOAD_TTL_MS } from "./context.ts";
import { driveToCompletion } from "./publish.ts";
import type { Principal, UploadRecord } from "./records.ts";
import { viewOf } from "./status.ts";

export function create(
  context: Context,
  principal: Principal,
  request: CreateRequest,
): Promise<UploadView> {
  return doWork(context, async () => {
    await authorize(context, principal, "create", principal, "upload_not_found");
    await context.room.require();
    const record = newRecord(context, principal, request);
    await context.metadata.apply({ kind: "create", upload: record });
    return context.uploads.use(record.id, async (upload) => {
      // Nothing is missing from an empty file: it was created in state `completing`.
      if (record.size === 0) await driveToCompletion(context, upload);
      return viewOf(context, upload);
    });
  });
}

function newRecord(context: Context, principal: Principal, request: CreateRequest): UploadRecord {
  const createdAt = context.clock.now();
  const { size } = request;
  if (size === undefined) throw new HoldfastError("invalid_request", undefined, { field: "size" });
  return {
    id: uploadId(context.random.bytes(ID_BYTES)),
    tenant: principal.tenant,
    principal: principal.id,
    state: request.size === 0 ? "completing" : "open",
    algorithm: request.digest,
    name: request.name,
    type: request.type,
    metadata: request.metadata,
    size,
    partSize: choosePartSize(size, context.storage.limits, request.partSize),
    createdAt,
    expiresAt: createdAt + UPLOAD_TTL_MS,
    epoch: 0,
    hasBytes: true,
  };
}
