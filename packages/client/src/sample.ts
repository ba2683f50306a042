// Which committed parts to compare with the source before an upload goes on.
import { countParts, type PartSet, partRanges } from "@holdfast/protocol";
import type { Random } from "./ports.ts";

/** Parts between the first and the last that are looked at. */
const BETWEEN = 3;

/** Indexes of all the parts in a set, in order. */
export function* indexesOf(set: PartSet): Generator<number> {
  for (const [start, end] of partRanges(set)) {
    for (let index = start; index < end; index++) yield index;
  }
}

/** The first part of the set, the last, and up to three between them that nobody can foresee. */
export function sampleParts(set: PartSet, random: Random): readonly number[] {
  const count = countParts(set);
  if (count === 0) return [];
  const wanted = new Set([0, count - 1]);
  const words = new DataView(random.bytes(BETWEEN * 4).slice().buffer);
  for (let at = 0; at < BETWEEN; at++) wanted.add(words.getUint32(at * 4) % count);
  const indexes: number[] = [];
  let rank = 0;
  for (const index of indexesOf(set)) if (wanted.has(rank++)) indexes.push(index);
  return indexes;
}
