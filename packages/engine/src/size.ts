// The size of an upload that was created without one: fixed once, by whichever request tells it first.
import {
  contiguousParts,
  createPartSet,
  HoldfastError,
  hasPart,
  type PartSet,
  partCount,
  partOffset,
  partSizeAt,
} from "@holdfast/protocol";
import { type Claim, endsBefore, takeOver } from "./claims.ts";
import type { Context } from "./context.ts";
import type { Limits } from "./records.ts";
import { allDigests, type Upload } from "./upload.ts";

/** What a request says of the size. */
export interface SizeRequest {
  /** Where it says nothing, nothing happens. */
  readonly size: number | undefined;
  /** Those of who asks. */
  readonly limits?: Limits | undefined;
  /** The claim of the request that asks, and the running transfer that it belongs to. */
  readonly claim?: Claim;
  readonly transfer?: string | undefined;
}

/**
 * Resolves when the upload's size is the one that a request tells, durably. Only the last part may be short, and so nobody else may be writing there meanwhile: who is silent
 * there, or belongs to the same transfer, is ended.
 *
 * @throws HoldfastError `size_mismatch` where another size is fixed, or a part or the tail would be cut; `size_too_large` above the most that it may become;
 * `quota_exceeded`; `part_busy` or `append_in_progress` while another request writes where the end would be.
 */
export async function fixSize(
  context: Context,
  upload: Upload,
  { size, limits = {}, claim: own, transfer }: SizeRequest,
): Promise<void> {
  if (size === undefined) return;
  for (;;) {
    await upload.fixing?.catch(() => undefined);
    requireSize(upload, size);
    const { hasSize, partSize } = upload.record;
    if (hasSize) return;
    const last = Math.floor(size / partSize);
    const holders = [...upload.claims].filter((claim) => claim !== own && !endsBefore(claim, last));
    if (holders.length === 0) break;
    await takeOver(context, holders, { transfer });
  }
  upload.fixing = context.metadata
    .apply({ kind: "fix-size", id: upload.record.id, size, limits })
    .then(() => fixedTo(upload, size))
    .finally(() => delete upload.fixing);
  await upload.fixing;
}

/** @throws HoldfastError `size_mismatch`, `size_too_large` where this cannot be the size of the upload. */
export function requireSize(upload: Upload, size: number): void {
  const { record } = upload;
  if (record.hasSize && record.size === size) return;
  if (record.hasSize) throw beyond(record);
  if (size > record.size) throw beyond(record);
  const stored = storedEnd(upload);
  if (size >= stored) return;
  throw new HoldfastError("size_mismatch", `${stored} bytes are committed already`, {
    committed: stored,
  });
}

/** Whether it has got its last byte, and becomes a file with that. */
export function isWhole({ record, committed }: Upload): boolean {
  const { state, hasSize, role } = record;
  const isGoing = state === "open" || state === "completing";
  return isGoing && hasSize && role?.kind !== "partial" && isEvery(committed);
}

/** Where the last bound part or the tail ends, in bytes from 0. Until the size is fixed no part is short but one that ends with the most bytes that there may be. */
function storedEnd({ record, bound }: Upload): number {
  let last = bound.partCount - 1;
  while (last >= 0 && !hasPart(bound, last)) last--;
  const parts = last < 0 ? 0 : partOffset(record, last) + partSizeAt(record, last);
  const { tail, partSize } = record;
  return Math.max(parts, tail ? tail.index * partSize + tail.size : 0);
}

export function isEvery(parts: PartSet): boolean {
  return contiguousParts(parts) === parts.partCount;
}

/** What is known of the upload in memory follows the record. */
export function fixedTo(upload: Upload, size: number): void {
  if (upload.record.hasSize) return;
  upload.record = { ...upload.record, size, hasSize: true };
  upload.committed = createPartSet(partCount(upload.record), upload.committed.bits);
  upload.bound = createPartSet(partCount(upload.record), upload.bound.bits);
  upload.digests = allDigests(upload);
}

/** What an append hears that has more bytes than the upload can have. */
export function beyond({ size, hasSize }: Upload["record"]): HoldfastError {
  if (hasSize) return new HoldfastError("size_mismatch", `the upload has ${size} bytes`, { size });
  const message = `the upload may have at most ${size} bytes`;
  return new HoldfastError("size_too_large", message, { limit: size });
}
