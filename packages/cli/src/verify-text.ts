// What a comparison with a manifest found, for a person.
import type { BadPart } from "@holdfast/client";
import type { Manifest } from "@holdfast/protocol";
import { formatSize } from "./sizes.ts";

/** Ranges of bad parts that are shown. */
const RANGES_MAX = 20;

/** Neighbouring parts with the same problem. Offsets in bytes, half-open. */
export interface BadRange {
  readonly first: number;
  readonly last: number;
  readonly start: number;
  readonly end: number;
  readonly problem: BadPart["problem"];
}

export function badRanges(parts: readonly BadPart[]): readonly BadRange[] {
  const ranges: BadRange[] = [];
  for (const { index, offset, size, problem } of parts) {
    const before = ranges.at(-1);
    if (before && before.last === index - 1 && before.problem === problem) {
      ranges[ranges.length - 1] = { ...before, last: index, end: offset + size };
    } else ranges.push({ first: index, last: index, start: offset, end: offset + size, problem });
  }
  return ranges;
}

/** One line for each range of bad parts of what `subject` names. */
export function badText(subject: string, parts: readonly BadPart[]): string {
  const ranges = badRanges(parts);
  const lines = ranges.slice(0, RANGES_MAX).map(({ first, last, start, end, problem }) => {
    const named = first === last ? `part ${first}` : `parts ${first}-${last}`;
    const what = problem === "missing" ? "not there" : "other bytes";
    return `  ${named}: ${what} at ${start} to ${end - 1} (${formatSize(end - start)})`;
  });
  const more = ranges.length - lines.length;
  if (more > 0) lines.push(`  and ${more} ranges more; --json lists them all`);
  return `${subject}: ${parts.length} bad ${parts.length === 1 ? "part" : "parts"}\n${lines.join("\n")}\n`;
}

export function goodText(subject: string, { size, partSize }: Manifest): string {
  const parts = Math.ceil(size / partSize);
  return `${subject}: every part is as the manifest says (${formatSize(size)}, ${parts} ${parts === 1 ? "part" : "parts"})\n`;
}
