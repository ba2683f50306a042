// Which run goes next: missing parts in order, in runs that fit the line, a few in flight.
import {
  countParts,
  type Grid,
  missingRanges,
  type PartRange,
  type PartSet,
} from "@holdfast/protocol";
import type { Line } from "./line.ts";
import type { Connection } from "./ports.ts";

/** A run that a request is carrying. */
export interface Flight {
  readonly run: number;
  readonly range: PartRange;
  /** Milliseconds, monotonic; before it, the run waits for its turn. */
  readonly startedAt: number;
  /** It has had its turn since then. */
  readonly begunAt?: number;
  /** What carries it, where that is known. */
  readonly connection?: Connection;
  /** Bytes a second, as it last told while it moved. */
  readonly pace?: number;
  /** What the server was last heard to have of it, in bytes, and when that was heard first. */
  readonly heard?: { readonly bytes: number; readonly at: number };
  /** Sent as an append from this byte on, in the first part of the range. */
  readonly from?: number;
  /** It was told to end, because it took too long. */
  readonly isEnded?: true;
}

export interface RunLengths extends Pick<Line, "inFlight" | "runParts"> {
  /** Runs side by side are of different lengths, up to so many parts. */
  readonly unevenMax?: number;
}

/** Of the usual length, for each of four runs, by where they begin. */
const UNEVEN = [0.5, 1, 1.5, 1];

/** Bytes of the committed parts. */
export function committedBytes(grid: Grid, committed: PartSet): number {
  const last = committed.partCount - 1;
  const isLastIn = last >= 0 && ((committed.bits[last >> 3] ?? 0) & (1 << (last & 7))) !== 0;
  const short = isLastIn ? (last + 1) * grid.partSize - grid.size : 0;
  return countParts(committed) * grid.partSize - short;
}

/**
 * The next run, or undefined where nothing is left to send or enough is in flight.
 *
 * Towards the end runs get shorter, down to a quarter, so that the connections end together instead of waiting for the last.
 */
export function nextRun(
  committed: PartSet,
  flights: readonly Flight[],
  line: RunLengths,
  doubtful: readonly PartRange[] = [],
): PartRange | undefined {
  if (flights.length >= line.inFlight) return undefined;
  const taken = [...flights.map(({ range }) => range), ...doubtful];
  const gaps = [...freeRanges(committed, taken)];
  const [first] = gaps;
  if (!first) return undefined;
  const left = gaps.reduce((parts, [start, end]) => parts + end - start, 0);
  const share = Math.ceil(left / line.inFlight);
  const parts = Math.min(lengthOf(line, first[0]), Math.max(share, Math.ceil(line.runParts / 4)));
  return [first[0], Math.min(first[1], first[0] + parts)];
}

/** Those that share a line fairly and are alike end together, again and again: then nothing moves until each has its answer and the next one is under way. */
function lengthOf({ runParts, unevenMax }: RunLengths, start: number): number {
  if (unevenMax === undefined) return runParts;
  const chance = Math.imul(start + 1, 0x9e3779b1) >>> 30;
  const parts = Math.round(runParts * (UNEVEN[chance] ?? 1));
  return Math.max(1, Math.min(parts, unevenMax));
}

/** The last run that nothing has been sent of: what goes on from the front then meets it as late as can be. */
export function lastRun(
  committed: PartSet,
  flights: readonly Flight[],
  line: Pick<Line, "inFlight" | "runParts">,
  doubtful: readonly PartRange[],
): PartRange | undefined {
  if (flights.length >= line.inFlight) return undefined;
  const taken = [...flights.map(({ range }) => range), ...doubtful];
  const gap = [...freeRanges(committed, taken)].at(-1);
  return gap && [Math.max(gap[0], gap[1] - line.runParts), gap[1]];
}

/** Parts that are neither committed nor taken, in order. */
function* freeRanges(committed: PartSet, ranges: readonly PartRange[]): Generator<PartRange> {
  const taken = ranges.toSorted(([a], [b]) => a - b);
  for (const [from, to] of missingRanges(committed)) {
    let start = from;
    for (const [begin, end] of taken) {
      if (end <= start || begin >= to) continue;
      if (begin > start) yield [start, begin];
      start = Math.max(start, end);
    }
    if (start < to) yield [start, to];
  }
}
