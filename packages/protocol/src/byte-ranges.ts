// All ranges that a request asks for (RFC 9110 section 14.1.2), and which of them are worth an answer.
import { type ByteRange, decodeRange } from "./byte-range.ts";

/** Ranges in one request: each one costs a part of the answer, and in an object store a request. */
export const RANGES_MAX = 64;
/** Commas with nothing between them are a list too (section 5.6.1.2), within reason. */
const MEMBERS_MAX: number = RANGES_MAX * 2;
/** Two ranges may meet by chance, as the first and the last bytes of a short file do. */
const OVERLAPPING_MAX = 2;

/**
 * What a Range header asks of a file of `size` bytes: at least one range, in the order of the field.
 *
 * Ranges that touch or overlap are one, where the first of them stood: no byte is ever sent twice. Those that lie outside are left out.
 * `whole` where there is no field or nothing can be made of it, `unsatisfiable` where all lie outside; `excessive` where there are more than `RANGES_MAX`, or more
 * than two that overlap, which section 14.2 takes for a broken client or an attack.
 */
export function decodeRanges(
  field: string | undefined,
  size: number,
): readonly ByteRange[] | "whole" | "unsatisfiable" | "excessive" {
  const [, set] = /^bytes=(.*)$/is.exec(field ?? "") ?? [];
  if (set === undefined) return "whole";
  const members = set.split(",", MEMBERS_MAX + 1);
  const specs = members.filter((member) => !/^[ \t]*$/.test(member));
  // One that cannot be read spoils them all, however many there are.
  const asked = specs.map((spec) => decodeRange(`bytes=${spec}`, size));
  if (asked.length === 0 || asked.includes("whole")) return "whole";
  if (members.length > MEMBERS_MAX || asked.length > RANGES_MAX) return "excessive";
  const ranges = asked.filter((range) => typeof range !== "string");
  return ranges.length === 0 ? "unsatisfiable" : coalesce(ranges);
}

/** A row of ranges that touch: where the first one stood that the client named, and how many share bytes with one before. */
interface Row {
  readonly range: ByteRange;
  readonly place: number;
  readonly overlapping: number;
}

function coalesce(ranges: readonly ByteRange[]): readonly ByteRange[] | "excessive" {
  const placed = ranges.map((range, place): Row => ({ range, place, overlapping: 1 }));
  const sorted = placed.toSorted((a, b) => a.range.start - b.range.start || a.place - b.place);
  const rows: Row[] = [];
  for (const next of sorted) {
    const last = rows.at(-1);
    if (last && next.range.start <= last.range.end) rows.splice(-1, 1, join(last, next));
    else rows.push(next);
  }
  if (rows.some(({ overlapping }) => overlapping > OVERLAPPING_MAX)) return "excessive";
  return rows.toSorted((a, b) => a.place - b.place).map(({ range }) => range);
}

function join(last: Row, next: Row): Row {
  const isOverlap = next.range.start < last.range.end;
  return {
    range: { start: last.range.start, end: Math.max(last.range.end, next.range.end) },
    place: Math.min(last.place, next.place),
    overlapping: last.overlapping + (isOverlap ? 1 : 0),
  };
}
