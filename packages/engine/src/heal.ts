// After an I/O error: never guess. Everything is drained and closed, what is committed is read back from the medium and compared, then the upload goes on.
import {
  DIGEST_SIZE,
  equalBytes,
  HoldfastError,
  hasPart,
  isHoldfastError,
  partCount,
  partOffset,
  partSizeAt,
  removePart,
} from "@holdfast/protocol";
import { endClaims } from "./claims.ts";
import type { Context } from "./context.ts";
import { tokenOf } from "./host-claim.ts";
import { regionsOf } from "./kinds.ts";
import type { UploadRecord } from "./records.ts";
import { noteWithdrawn } from "./root.ts";
import { scanParts } from "./scan.ts";
import { blocksOf, readTail, tailAt } from "./tail.ts";
import type { Upload } from "./upload.ts";

/** Looks at a part that cannot be read, and milliseconds between two of them: one failure proves nothing about the bytes. */
const LOOKS = 3;
const RETRY_MS = 5000;

/** Makes the upload refuse writes (`recovering`) until what is committed has been proved. More than one fault is one healing. */
export function beginHealing(context: Context, upload: Upload, cause: unknown): void {
  // A store of parts has nothing half done that could be looked at: it has answered for a part, or it has not.
  if (upload.healing || isHarmless(cause) || context.storage.kind === "parts") return;
  context.log("error", "upload.recovering", { upload: upload.record.id, cause });
  upload.healing = heal(context, upload).finally(() => {
    delete upload.healing;
  });
}

/** The storage says so where it could not even begin: nothing stored was touched. */
function isHarmless(cause: unknown): boolean {
  return isHoldfastError(cause) && cause.details["isHarmless"] === true;
}

/**
 * Looks whether the bytes of an upload that comes into memory are there at all: its file may have been removed while no server ran, and the next
 * write would make a new one with holes where parts are committed.
 */
export async function healIfGone(context: Context, upload: Upload): Promise<void> {
  if (!isAlive(upload) || context.storage.kind === "parts") return;
  const end = storedEnd(upload);
  if (end === 0) return;
  const object = { id: upload.record.id, kind: "bytes" } as const;
  try {
    if ((await regionsOf(context).read(object, end - 1, new Uint8Array(1))) === 1) return;
    beginHealing(context, upload, new HoldfastError("storage_failed", "stored bytes are missing"));
  } catch (cause) {
    beginHealing(context, upload, cause);
  }
}

/** Where the last byte that must be in the storage ends. */
function storedEnd(upload: Upload): number {
  const { record, committed } = upload;
  let last = partCount(record) - 1;
  while (last >= 0 && !hasPart(committed, last)) last--;
  const parts = last < 0 ? 0 : partOffset(record, last) + partSizeAt(record, last);
  const { tail } = record;
  const blocks = tail ? blocksOf(tail.size) : 0;
  return blocks > 0 && tail ? Math.max(parts, partOffset(record, tail.index) + blocks) : parts;
}

async function heal(context: Context, upload: Upload): Promise<void> {
  const { id } = upload.record;
  await endClaims(upload.claims, new HoldfastError("storage_failed"));
  delete upload.filling;
  const proof: Proof = { intact: new Set(), failures: new Map() };
  while (isAlive(upload) && !context.isDraining) {
    try {
      await regionsOf(context).reset(id);
      const bad = await findBadParts(context, upload, proof);
      if (bad.length > 0) await withdraw(context, upload, bad);
      context.log("info", "upload.recovered", { upload: id, withdrawn: bad.length });
      return;
    } catch (cause) {
      context.log("error", "upload.unreadable", { upload: id, cause });
      await new Promise<void>((resolve) => context.clock.after(RETRY_MS, resolve));
    }
  }
}

function isAlive({ record }: Upload): boolean {
  return record.state === "open" || record.state === "completing";
}

/** What the looks at the medium have shown so far. */
interface Proof {
  /** Parts that were read and are right: once is enough. */
  readonly intact: Set<number>;
  /** How often reading a part failed. */
  readonly failures: Map<number, number>;
}

/**
 * Reads every committed part, and the tail, past the page cache. A part that cannot be read in several looks is bad: it is as lost as one with wrong bytes.
 * @throws what reading threw, while there are parts that deserve another look.
 */
async function findBadParts(context: Context, upload: Upload, proof: Proof): Promise<number[]> {
  const bad: number[] = [];
  let doubt: { readonly cause: unknown } | undefined;
  for (let index = 0; index < partCount(upload.record); index++) {
    const isStored = hasPart(upload.committed, index) || tailAt(upload, index);
    if (!isStored || proof.intact.has(index)) continue;
    try {
      if (await isIntact(context, upload, index)) proof.intact.add(index);
      else bad.push(index);
    } catch (cause) {
      // Out of descriptors for a while: nobody has looked.
      if (isHarmless(cause)) {
        doubt = { cause };
        continue;
      }
      const failures = (proof.failures.get(index) ?? 0) + 1;
      proof.failures.set(index, failures);
      if (failures < LOOKS) doubt = { cause };
      else bad.push(index);
    }
  }
  if (doubt) throw doubt.cause;
  return bad;
}

async function isIntact(context: Context, upload: Upload, index: number): Promise<boolean> {
  const tail = tailAt(upload, index);
  if (tail) {
    const stored = await readTail(context, upload, tail, "medium");
    return equalBytes(stored.digest(), tail.digest);
  }
  const { bad } = await scanParts(context, upload, {
    indexes: [index],
    hasParts: true,
    hasWhole: false,
  });
  return bad.length === 0;
}

/** The record of an upload that is open again. */
export function unsealed({ sealedSha256: _, ...record }: UploadRecord): UploadRecord {
  return record;
}

/** Takes commitments back, durably before anybody may write there again. */
export async function withdraw(
  context: Context,
  upload: Upload,
  indexes: readonly number[],
): Promise<void> {
  const { id } = upload.record;
  const at = context.clock.now();
  await context.metadata.apply({
    ...{ kind: "withdraw", id, indexes, at },
    ...tokenOf(context, upload),
  });
  // An offset that was answered was a promise: then the store has ended the upload in the same step. Only the store knows: one may have been told while this was under way.
  const stored = await context.metadata.upload(id);
  upload.digests = upload.digests.slice();
  for (const index of indexes) {
    removePart(upload.committed, index);
    noteWithdrawn(upload, index);
    // What has a place stays bound there: whoever comes late brings those bytes.
    if (upload.record.place !== undefined) continue;
    removePart(upload.bound, index);
    upload.digests.fill(0, index * DIGEST_SIZE, (index + 1) * DIGEST_SIZE);
  }
  upload.record = stored ?? { ...unsealed(upload.record), state: "open" };
  context.log("error", "upload.withdrawn", { upload: id, indexes });
}
