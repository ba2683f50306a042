// Which parts are committed, on the wire: ranges, or a bitmap where there are many.
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { equalBytes } from "./digest.ts";
import { HoldfastError } from "./errors.ts";
import { PART_COUNT_MAX } from "./grid.ts";
import {
  addPart,
  countParts,
  createPartSet,
  type PartRange,
  type PartSet,
  partRanges,
} from "./part-set.ts";
import { fieldsOf, optionalText, wholeAt } from "./read.ts";

/** Ranges up to this many, a bitmap above. */
export const COMMITTED_RANGES_MAX = 1000;

/** Committed parts on the wire: `count` always, and `ranges` (half-open) up to 1,000 of them or else a base64 `bitmap`. */
export function encodeCommitted(set: PartSet): object {
  const count = countParts(set);
  const ranges: PartRange[] = [];
  for (const range of partRanges(set)) {
    if (ranges.length === COMMITTED_RANGES_MAX) return { count, bitmap: encodeBase64(set.bits) };
    ranges.push(range);
  }
  return { count, ranges };
}

/** @throws HoldfastError `invalid_request` where it is neither form or does not fit the grid. */
export function decodeCommitted(value: unknown, partCount: number): PartSet {
  if (!Number.isSafeInteger(partCount) || partCount < 0 || partCount > PART_COUNT_MAX)
    throw new HoldfastError("invalid_request", `at most ${PART_COUNT_MAX} parts are read`, {
      field: "partCount",
    });
  const fields = fieldsOf(value, "committed");
  const bitmap = optionalText(fields, "bitmap");
  if (bitmap !== undefined && fields.has("ranges")) return malformed();
  const set =
    bitmap === undefined
      ? fromRanges(fields.get("ranges"), partCount)
      : fromBitmap(decodeBase64(bitmap) ?? malformed(), partCount);
  return countParts(set) === wholeAt(fields, "count") ? set : malformed();
}

function fromBitmap(bits: Uint8Array, partCount: number): PartSet {
  const set = createPartSet(partCount, bits);
  return equalBytes(set.bits, bits) ? set : malformed();
}

/** Ranges stand in order with a gap between them, as they are written: so no list of them costs more than one pass over the grid. */
function fromRanges(ranges: unknown, partCount: number): PartSet {
  if (!Array.isArray(ranges)) return malformed();
  const set = createPartSet(partCount);
  let free = 0;
  for (const range of ranges) {
    const [start, end, ...rest]: unknown[] = Array.isArray(range) ? range : [];
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end)) return malformed();
    const [first, last] = [Number(start), Number(end)];
    if (rest.length > 0 || first < free || first >= last || last > partCount) return malformed();
    for (let index = first; index < last; index++) addPart(set, index);
    free = last + 1;
  }
  return set;
}

function malformed(): never {
  throw new HoldfastError(
    "invalid_request",
    "committed must be ranges or a bitmap within the grid",
    { field: "committed" },
  );
}
