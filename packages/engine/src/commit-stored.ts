// Parts that reached a store without us: committed once the store itself lists them, with the size and the digest that they are bound to.
import { equalBytes, hasPart, partSizeAt } from "@holdfast/protocol";
import { claimStored, digestOf, requireOpen } from "./claims.ts";
import { recordParts } from "./commit.ts";
import type { Context } from "./context.ts";
import { partsOf } from "./kinds.ts";
import { inPlace } from "./place-again.ts";
import type { ListedPart } from "./ports.ts";
import type { CommittedPart, Limits, Place } from "./records.ts";
import type { Upload } from "./upload.ts";

/**
 * Commits those of the parts that are there. What nobody was given an address for is not: it is not bound.
 * @throws HoldfastError `upload_not_open`, `quota_exceeded`, `append_in_progress`; what the storage throws.
 */
export async function commitStored(
  context: Context,
  upload: Upload,
  indexes: ReadonlySet<number>,
  limits: Limits,
): Promise<void> {
  requireOpen(upload);
  const bound = [...indexes].filter((index) => hasPart(upload.bound, index)).sort((a, b) => a - b);
  if (upload.record.place === undefined || bound.length === 0) return;
  const claim = await claimStored(context, upload, new Set(bound));
  try {
    await commitListed(context, upload, bound, limits);
  } finally {
    claim.end();
  }
}

async function commitListed(
  context: Context,
  upload: Upload,
  bound: readonly number[],
  limits: Limits,
): Promise<void> {
  const { place } = upload.record;
  if (place === undefined) return;
  const list = () => listedOf(context, place, bound);
  const there = await inPlace(context, upload, place, list);
  const parts: CommittedPart[] = [];
  for (const index of bound) {
    const digest = digestOf(upload, index).slice();
    if (isPart(there.get(index), partSizeAt(upload.record, index), digest)) {
      parts.push({ index, digest });
    }
  }
  if (parts.length === 0) return;
  // Nobody has seen how they begin: where another server has appended to one of them meanwhile they are refused.
  await recordParts(context, upload, { parts, compared: [], limits, place });
}

/** Where the store does not tell the digest, it has held whoever brought the part to the one that was signed. */
function isPart(listed: ListedPart | undefined, size: number, digest: Uint8Array): boolean {
  return listed?.size === size && (!listed.digest || equalBytes(listed.digest, digest));
}

/** Parts that a store lists in one answer. */
const PAGE = 1000;

async function listedOf(
  context: Context,
  place: Place,
  indexes: readonly number[],
): Promise<ReadonlyMap<number, ListedPart>> {
  const found = new Map<number, ListedPart>();
  for (let at = 0; at < indexes.length; ) {
    const start = indexes[at] ?? 0;
    const inside = indexes.slice(at).filter((index) => index < start + PAGE);
    const page = await partsOf(context).listed(place, start, (inside.at(-1) ?? start) + 1);
    for (const [index, part] of page) found.set(index, part);
    at += inside.length;
  }
  return found;
}
