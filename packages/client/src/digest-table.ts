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
  /** Of those, the ones that were read from our own source; the others are the server's word. */
  readonly own: PartSet;
  /** One after another, zeros where a part is not known. */
  readonly bytes: Uint8Array;
}

export function createDigestTable(partCount: number): DigestTable {
  const bytes = new Uint8Array(partCount * DIGEST_SIZE);
  return { known: createPartSet(partCount), own: createPartSet(partCount), bytes };
}

export function digestAt(bytes: Uint8Array, index: number): Uint8Array {
  return bytes.subarray(index * DIGEST_SIZE, (index + 1) * DIGEST_SIZE);
}

/** Notes a part's digest; false where another one was noted before. */
export function noteDigest(
  table: Omit<DigestTable, "own">,
  index: number,
  digest: Uint8Array,
): boolean {
  const held = digestAt(table.bytes, index);
  if (hasPart(table.known, index)) return equalBytes(held, digest);
  held.set(digest);
  addPart(table.known, index);
  return true;
}

/** As `noteDigest`, of a part as the source has it. */
export function noteOwn(table: DigestTable, index: number, digest: Uint8Array): boolean {
  const isSame = noteDigest(table, index, digest);
  if (isSame) addPart(table.own, index);
  return isSame;
}

export function isComplete(table: DigestTable): boolean {
  return countParts(table.known) === table.known.partCount;
}
