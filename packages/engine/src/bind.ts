// Binding: a part of a place gets its digest for ever, durably, before a byte of it goes out or an address is signed. So whoever writes there, however late, brings the same bytes.
import { addPart, DIGEST_SIZE, hasPart } from "@holdfast/protocol";
import { requireSameDigest } from "./claims.ts";
import type { Context } from "./context.ts";
import type { CommittedPart, Place } from "./records.ts";
import { makeRoom, noteVersion, type Upload } from "./upload.ts";

/** @throws HoldfastError `part_conflict` where one of them has another digest: then none of them is bound; `upload_not_open`. */
export async function bindParts(
  context: Context,
  upload: Upload,
  place: Place,
  parts: readonly CommittedPart[],
): Promise<void> {
  const unbound: CommittedPart[] = [];
  for (const part of parts) {
    if (hasPart(upload.bound, part.index)) requireSameDigest(upload, part.index, part.digest);
    else unbound.push(part);
  }
  if (unbound.length === 0) return;
  const { id, size } = upload.record;
  const bind = { kind: "bind", id, place, size, parts: unbound } as const;
  const version = await context.metadata.apply(bind);
  for (const { index, digest } of unbound) {
    makeRoom(upload, index);
    upload.digests.set(digest, index * DIGEST_SIZE);
    addPart(upload.bound, index);
  }
  noteVersion(upload, version);
}
