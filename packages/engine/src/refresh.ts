// What is in memory of an upload follows its record, where other servers change that too.
import {
  addPart,
  contiguousParts,
  createPartSet,
  DIGEST_SIZE,
  HoldfastError,
  hasPart,
  partCount,
} from "@holdfast/protocol";
import type { Context } from "./context.ts";
import type { PartTable, UploadRecord } from "./records.ts";
import { fixedTo } from "./size.ts";
import { makeRoom, readTogether, type Upload } from "./upload.ts";

/**
 * Resolves when what is known of the upload is at least as new as its record was at the call.
 * @throws HoldfastError `upload_not_found` where the record is gone.
 */
export async function refresh(
  { metadata, uploads }: Pick<Context, "metadata" | "uploads">,
  upload: Upload,
): Promise<void> {
  for (;;) {
    const before = upload.record;
    const found = await metadata.upload(before.id);
    if (!found) {
      uploads.drop(before.id);
      throw new HoldfastError("upload_not_found");
    }
    if (found.version === before.version) {
      noteClaim(upload, found);
      return;
    }
    const { record, table } = await readTogether(metadata, before.id, found);
    // A change of our own that was noted meanwhile may be newer than what was read: so nothing ever goes back.
    if (upload.record !== before) continue;
    install(upload, record, table);
    return;
  }
}

/** A claim that passes on is no new version. */
function noteClaim(upload: Upload, { claim }: UploadRecord): void {
  const known = upload.record.claim;
  if (!claim || (known?.token === claim.token && known.holder === claim.holder)) return;
  upload.record = { ...upload.record, claim };
}

function install(upload: Upload, record: UploadRecord, table: PartTable): void {
  if (record.hasSize) fixedTo(upload, record.size);
  // One that has lost the claim is refused whatever it does: what it was at counts no more.
  const isOurs = upload.held !== undefined && upload.held.token === record.claim?.token;
  const isAppending = isOurs && [...upload.claims].some(({ kind }) => kind === "append");
  const isAnew = record.epoch !== upload.partsEpoch;
  if (isAnew && !isAppending) replaceParts(upload, record, table);
  // The part that an append of ours is filling is its own: if another server has it, the next commit is refused, by the offset.
  else addParts(upload, table, isAppending ? contiguousParts(upload.committed) : undefined);
  // What was left out is looked for again once that has ended.
  const { tail, version } = isAppending ? upload.record : record;
  const { tail: _, ...rest } = record;
  upload.record = { ...rest, version, ...(tail ? { tail } : {}) };
  for (const own of upload.ownVersions) if (own <= version) upload.ownVersions.delete(own);
}

/** Parts were withdrawn, or what was signed for was taken back. */
export function replaceParts(upload: Upload, record: UploadRecord, table: PartTable): void {
  upload.committed = createPartSet(partCount(record), table.bits);
  upload.bound = createPartSet(partCount(record), table.bound);
  upload.digests = table.digests;
  upload.partsEpoch = record.epoch;
  upload.subtrees.clear();
  delete upload.root;
}

/** Within one epoch parts only come, and each with one digest. */
function addParts(upload: Upload, table: PartTable, except: number | undefined): void {
  const count = upload.bound.partCount;
  const bound = createPartSet(count, table.bound.subarray(0, upload.bound.bits.length));
  const committed = createPartSet(count, table.bits.subarray(0, upload.committed.bits.length));
  for (let index = 0; index < count; index++) {
    if (!hasPart(bound, index) || index === except) continue;
    if (!hasPart(upload.bound, index)) {
      makeRoom(upload, index);
      const at = index * DIGEST_SIZE;
      upload.digests.set(table.digests.subarray(at, at + DIGEST_SIZE), at);
      addPart(upload.bound, index);
    }
    if (hasPart(committed, index)) addPart(upload.committed, index);
  }
}
