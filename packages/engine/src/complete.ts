// complete: checks that everything is there, seals the upload and publishes the file.
import {
  type CompleteRequest,
  encodeHex,
  equalBytes,
  HoldfastError,
  type UploadView,
} from "@holdfast/protocol";
import { recovering, requireNotEnded } from "./claims.ts";
import { type Context, doWork, useUpload } from "./context.ts";
import { driveToCompletion } from "./publish.ts";
import type { Principal } from "./records.ts";
import { rootOf } from "./root.ts";
import { viewOf } from "./status.ts";
import { requireAllParts, type Upload } from "./upload.ts";

export function complete(
  context: Context,
  principal: Principal,
  id: string,
  request: CompleteRequest,
): Promise<UploadView> {
  return doWork(context, () =>
    useUpload(context, principal, "write", id, async (upload) => {
      requireNotEnded(upload);
      if (upload.healing) throw recovering();
      requireSize(upload, request);
      requireAllParts(upload);
      const { epoch } = upload.record;
      await requireRoot(context, upload, request);
      await driveToCompletion(context, upload, epoch);
      return viewOf(context, upload);
    }),
  );
}

function requireSize({ record }: Upload, { size }: CompleteRequest): void {
  if (size === undefined || size === record.size) return;
  throw new HoldfastError("size_mismatch", `the upload was created with ${record.size} bytes`, {
    size: record.size,
  });
}

async function requireRoot(
  context: Context,
  upload: Upload,
  { root }: CompleteRequest,
): Promise<void> {
  if (!root) return;
  const actual = await rootOf(context, upload);
  if (equalBytes(actual, root)) return;
  throw new HoldfastError("root_mismatch", undefined, { root: encodeHex(actual) });
}
