// Proving a file before it is published, where that was asked for: its bytes are read once more.
import { equalBytes, HoldfastError, partCount } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import { withdraw } from "./heal.ts";
import { tokenOf } from "./host-claim.ts";
import type { UploadRecord } from "./records.ts";
import { requireNotDraining, scanParts } from "./scan.ts";
import type { Upload } from "./upload.ts";

/** Whether publishing reads all bytes once more, which takes as long as it takes. */
export function needsProof({ record }: Pick<Upload, "record">, sha256?: Uint8Array): boolean {
  return record.verify === "readback" || (sha256 ?? wantedSha256(record)) !== undefined;
}

function wantedSha256({ sha256, sealedSha256 }: UploadRecord): Uint8Array | undefined {
  return sealedSha256 ?? sha256;
}

/**
 * Resolves with the whole file's SHA-256: one that was given and that the sealed bytes have, or what was read back where that was asked for. Parts that
 * prove bad on the way are withdrawn.
 *
 * @throws HoldfastError `parts_missing` for those; `file_digest_mismatch` where every part is right and the whole is not; `shutting_down`; why it was stopped.
 */
export async function proveFile(context: Context, upload: Upload): Promise<Uint8Array | undefined> {
  if (!needsProof(upload)) return undefined;
  const proving = startProving(upload);
  try {
    return await readBack(context, upload, () => {
      requireNotDraining(context);
      proving.signal.throwIfAborted();
    });
  } finally {
    delete upload.proving;
  }
}

function startProving(upload: Upload): AbortController {
  upload.proving = new AbortController();
  return upload.proving;
}

async function readBack(
  context: Context,
  upload: Upload,
  requireGoing: () => void,
): Promise<Uint8Array | undefined> {
  const { record } = upload;
  const expected = wantedSha256(record);
  const indexes = Array.from({ length: partCount(record) }, (_, index) => index);
  const isReadback = record.verify === "readback";
  const first = { indexes, hasParts: isReadback, hasWhole: true, requireGoing };
  const scanned = await scanParts(context, upload, first);
  const isWhole = !expected || equalBytes(scanned.whole, expected);
  // Bytes with the right digest over the whole were right part by part. Else it is asked which part is to blame.
  const { bad } =
    isWhole || isReadback
      ? scanned
      : await scanParts(context, upload, { ...first, hasParts: true, hasWhole: false });
  if (bad.length > 0) {
    await takeBack(context, upload, bad);
    const missing = bad.map((index) => [index, index + 1]);
    const text = `${bad.length} stored parts proved bad as they were read back`;
    throw new HoldfastError("parts_missing", text, {
      missing: missing.slice(0, MISSING_LISTED_MAX),
    });
  }
  if (!isWhole) throw new HoldfastError("file_digest_mismatch");
  return scanned.whole;
}

/** What is assembled takes no part again: an upload whose object proved bad has failed. */
async function takeBack(context: Context, upload: Upload, bad: readonly number[]): Promise<void> {
  if (context.storage.kind === "regions") return withdraw(context, upload, bad);
  const { id } = upload.record;
  const at = context.clock.now();
  const detail = `${bad.length} stored parts proved bad after they were put together`;
  const error = { code: "storage_failed", detail };
  const end = { kind: "end", id, state: "failed", at, error } as const;
  await context.metadata.apply({ ...end, ...tokenOf(context, upload) });
  upload.record = { ...upload.record, state: "failed", endedAt: at, error };
  throw new HoldfastError("upload_ended", detail, { state: "failed" });
}

const MISSING_LISTED_MAX = 1000;
