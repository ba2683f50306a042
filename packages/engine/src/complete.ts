// complete: checks that everything is there, seals the upload and publishes the file.
import {
  type CompleteRequest,
  encodeHex,
  equalBytes,
  HoldfastError,
  type UploadView,
} from "@holdfast/protocol";
import { closeTail } from "./append.ts";
import { recovering, requireNotEnded } from "./claims.ts";
import { type Context, doWork, useUpload } from "./context.ts";
import { driveToCompletion } from "./publish.ts";
import type { Principal } from "./records.ts";
import { rootOf } from "./root.ts";
import { fixSize } from "./size.ts";
import { viewOf } from "./status.ts";
import { offsetOf, requireAllParts, type Upload } from "./upload.ts";

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
      if (request.size !== undefined) await fixSize(context, upload, request.size);
      requireKnownSize(upload);
      await closeTail(context, upload);
      requireAllParts(upload);
      const { epoch } = upload.record;
      await requireRoot(context, upload, request);
      await driveToCompletion(context, upload, epoch);
      return viewOf(context, upload);
    }),
  );
}

function requireKnownSize(upload: Upload): void {
  if (upload.record.hasSize) return;
  const message = "the size is not known yet: complete with `size`";
  throw new HoldfastError("size_mismatch", message, { offset: offsetOf(upload) });
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
