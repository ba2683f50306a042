// The part digests of one grid, as far as they are known.
import {
  addPart,
  countParts,
  createPartSet,
  DIGEST_SIZE,
  equalBytes,
  hasPart,
  type PartSet,
} from "@holdfast/protocol";

export interface DigestTable {
  readonly known: PartSet;
  /** One after another, zeros where a part is not known. */
  readonly bytes: Uint8Array;
}

export function createDigestTable(partCount: number): DigestTable {
  return { known: createPartSet(partCount), bytes: new Uint8Array(partCount * DIGEST_SIZE) };
}

export function digestAt(bytes: Uint8Array, index: number): Uint8Array {
  return bytes.subarray(index * DIGEST_SIZE, (index + 1) * DIGEST_SIZE);
}

/** Notes a part's digest; false where another one was noted before. */
export function noteDigest(table: DigestTable, index: number, digest: Uint8Array): boolean {
  const held = digestAt(table.bytes, index);
  if (hasPart(table.known, index)) return equalBytes(held, digest);
  held.set(digest);
  addPart(table.known, index);
  return true;
}

export function isComplete(table: DigestTable): boolean {
  return countParts(table.known) === table.known.partCount;
}
