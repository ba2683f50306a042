// complete: checks that everything is there, seals the upload and publishes the file.
import {
  type CompleteRequest,
  encodeHex,
  equalBytes,
  HoldfastError,
  type UploadView,
} from "@holdfast/protocol";
import { recovering, requireNotEnded } from "./claims.ts";
import { closeTail } from "./close-tail.ts";
import { type Context, doWork, useUpload } from "./context.ts";
import { underClaim, whileOpen } from "./host-claim.ts";
import { driveAWhile } from "./publish.ts";
import type { Principal } from "./records.ts";
import { rootOf } from "./root.ts";
import { fixSize, type SizeRequest } from "./size.ts";
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
      await closeEnd(context, upload, { size: request.size, limits: principal.limits });
      requireAllParts(upload);
      const { epoch } = upload.record;
      await requireRoot(context, upload, request);
      const { sha256 } = request;
      requireSameSha256(upload.record.sha256, sha256);
      await driveAWhile(context, upload, { epoch, ...(sha256 ? { sha256 } : {}) });
      const view = await viewOf(context, upload);
      requireSameSha256(view.file?.sha256, sha256);
      return view;
    }),
  );
}

/** The size is known, and no tail stands for a part. Where that is so already nobody's claim is needed for it. */
async function closeEnd(context: Context, upload: Upload, request: SizeRequest): Promise<void> {
  const { hasSize, tail } = upload.record;
  const close = async () => {
    await fixSize(context, upload, request);
    requireKnownSize(upload);
    await closeTail(context, upload);
  };
  if (hasSize && !tail) await close();
  else await underClaim(context, upload, whileOpen, close);
}

/** @throws HoldfastError `file_digest_mismatch` where both are known and differ. */
function requireSameSha256(known: Uint8Array | undefined, asked: Uint8Array | undefined): void {
  if (!known || !asked || equalBytes(known, asked)) return;
  const text = "another SHA-256 was given before";
  throw new HoldfastError("file_digest_mismatch", text, { sha256: encodeHex(known) });
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
