// Which parts of a grid are committed: a bitmap with its count and its contiguous start.

/** Half-open: `start` is in, `end` is out. */
export type PartRange = readonly [start: number, end: number];

export interface PartSet {
  readonly partCount: number;
  readonly bits: Uint8Array;
}

/** A set over `partCount` parts. Part i is bit `i % 8`, counted from the least significant, of byte `i / 8`; bits beyond the grid are dropped. */
export function createPartSet(partCount: number, bits?: Uint8Array): PartSet {
  const size = Math.ceil(partCount / 8);
  const own = new Uint8Array(size);
  if (bits) own.set(bits.subarray(0, size));
  if (partCount % 8 !== 0) own[size - 1] = (own[size - 1] ?? 0) & ((1 << (partCount % 8)) - 1);
  return { partCount, bits: own };
}

export function hasPart(set: PartSet, index: number): boolean {
  return ((set.bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
}

export function addPart(set: PartSet, index: number): void {
  set.bits[index >> 3] = (set.bits[index >> 3] ?? 0) | (1 << (index & 7));
}

export function removePart(set: PartSet, index: number): void {
  set.bits[index >> 3] = (set.bits[index >> 3] ?? 0) & ~(1 << (index & 7));
}

/** Number of parts in the set. */
export function countParts(set: PartSet): number {
  let count = 0;
  for (const byte of set.bits) for (let rest = byte; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** First index at or after `from` that is in the set (`present`) or is not; `partCount` where there is none. */
function nextPart(set: PartSet, from: number, present: boolean): number {
  const skip = present ? 0x00 : 0xff;
  let index = from;
  while (index < set.partCount) {
    if ((index & 7) === 0 && set.bits[index >> 3] === skip) index += 8;
    else if (hasPart(set, index) === present) return index;
    else index++;
  }
  return set.partCount;
}

function* rangesWhere(set: PartSet, present: boolean): Generator<PartRange> {
  let start = nextPart(set, 0, present);
  while (start < set.partCount) {
    const end = nextPart(set, start, !present);
    yield [start, end];
    start = nextPart(set, end, present);
  }
}

/** The parts in the set, as ranges in order. */
export function partRanges(set: PartSet): Generator<PartRange> {
  return rangesWhere(set, true);
}

/** The parts that are not in the set, as ranges in order. */
export function missingRanges(set: PartSet): Generator<PartRange> {
  return rangesWhere(set, false);
}

/** Index of the first part at or after `from` that is not in the set: all between are. */
export function contiguousParts(set: PartSet, from = 0): number {
  return nextPart(set, from, false);
}
