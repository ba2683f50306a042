// A small file in one step: its bytes are flushed, then one commit makes the file, the manifest in its record, and under a key the upload too. Before that nobody knows of it.

import {
  type CreateRequest,
  computeRoot,
  encodeHex,
  equalBytes,
  type FileId,
  HoldfastError,
  ID_BYTES,
  toHoldfastError,
} from "@holdfast/protocol";
import { requireDigest } from "./append.ts";
import type { Change } from "./changes.ts";
import type { Context } from "./context.ts";
import { newRecord } from "./create.ts";
import { applyOnce } from "./create-key.ts";
import { requireThere } from "./damage.ts";
import { healTwins } from "./heal-file.ts";
import { regionsOf } from "./kinds.ts";
import { packManifest } from "./manifest.ts";
import { mending, notedParts, settle } from "./mend.ts";
import { fileOf, manifestOf } from "./publish.ts";
import type { FileRecord, Principal, UploadRecord } from "./records.ts";

export interface SmallFile {
  /** All of it: one part, or none. */
  readonly bytes: Uint8Array;
  /** SHA-256 of it, as its sender says. */
  readonly digest?: Uint8Array;
  readonly key?: string;
}

/**
 * Undefined where the same request has begun an upload under the same key that is no file yet: a first attempt that was slow went the long way.
 *
 * @throws HoldfastError `digest_mismatch`; `idempotency_conflict`; `quota_exceeded`; what storage and records throw. Nothing stays then.
 */
export async function storeSmall(
  context: Context,
  principal: Principal,
  request: CreateRequest,
  { bytes, digest, key }: SmallFile,
): Promise<FileRecord | undefined> {
  const actual = context.digests.sha256(bytes);
  requireDigest(actual, digest);
  const size = bytes.length;
  const asked = newRecord(context, principal, request, { key, protocol: "file" });
  const record: UploadRecord = { ...asked, size, hasSize: true, state: "complete" };
  const digests = size === 0 ? new Uint8Array() : actual;
  const root = computeRoot(context.digests.sha256, { ...record, digests });
  const parts = size === 0 ? [] : [{ index: 0, digest: actual }];
  let isRecording = false;
  try {
    const proved = digest ? { sha256: actual } : {};
    const stored = packManifest(context, manifestOf({ record, digests }, root, proved));
    await regionsOf(context).put({ id: record.id, kind: "bytes" }, [bytes]);
    const file = fileOf(context, { record }, root, { ...stored, ...proved });
    const { limits = {} } = principal;
    const published = { file, outbox: told(context, file), limits };
    isRecording = true;
    // Only a key leads back to the upload: without one its record would be written to be forgotten.
    if (key === undefined) {
      await context.metadata.apply({ kind: "store-alone", ...published });
      healTwins(context, file);
      return file;
    }
    const upload = { ...record, fileId: file.id, endedAt: file.createdAt };
    const made = await applyOnce(context, { kind: "store", upload, parts, ...published });
    if (made === upload) {
      healTwins(context, file);
      return file;
    }
    await regionsOf(context).remove(record.id);
    const known = made.fileId && (await sameFile(context, made.fileId, root));
    if (known?.notes?.damaged) await healSmall(context, known, bytes);
    return known;
  } catch (cause) {
    // What a commit that failed has left is known at the next start only: the file may be there then, and must have its bytes.
    const isUnknown = isRecording && toHoldfastError(cause).code === "storage_failed";
    if (isUnknown) context.log("warn", "upload.left", { upload: record.id, cause });
    else
      await regionsOf(context)
        .remove(record.id)
        .catch(() => undefined);
    throw cause;
  }
}

/** The same bytes are here again: they take the place of those that rotted. */
async function healSmall(context: Context, file: FileRecord, bytes: Uint8Array): Promise<void> {
  await mending(context, file, async () => {
    await requireThere(context, file);
    const storage = regionsOf(context);
    const put = () => storage.put({ id: file.uploadId, kind: "bytes" }, [bytes]);
    await put().catch(async (error: unknown) => {
      if (toHoldfastError(error).code !== "storage_failed") throw error;
      // Where the last page is only begun, the kernel reads the rest of it first, and a bad sector may be there. Nothing else is in the file: it is made anew.
      await storage.remove(file.uploadId);
      await put();
    });
    await settle(context, file, notedParts(file));
  });
}

function told(context: Context, file: FileRecord): Extract<Change, { kind: "store" }>["outbox"] {
  const id = encodeHex(context.random.bytes(ID_BYTES));
  return { id, kind: "upload.complete", fileId: file.id, at: file.createdAt };
}

/** What the same request has made before; one whose bytes differ is another request. */
async function sameFile(context: Context, fileId: FileId, root: Uint8Array): Promise<FileRecord> {
  const file = await context.metadata.file(fileId);
  if (file && equalBytes(file.root, root)) return file;
  throw new HoldfastError("idempotency_conflict");
}
