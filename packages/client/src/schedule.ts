// Which run goes next: missing parts in order, in runs that fit the line, a few in flight.
import {
  countParts,
  type Grid,
  missingRanges,
  type PartRange,
  type PartSet,
} from "@holdfast/protocol";

/** Bytes of a run where nothing asks for another size. */
export const RUN_SIZE: number = 8 * 1024 * 1024;
/** Runs in flight at most. */
export const IN_FLIGHT = 4;
/** Memory for the runs in flight, in bytes. */
export const MEMORY: number = 64 * 1024 * 1024;

/** A run that a request is carrying. */
export interface Flight {
  readonly run: number;
  readonly range: PartRange;
}

/** How much the line takes, as learned so far. */
export interface Line {
  /** Runs in flight now at most, and what it may grow to. */
  readonly inFlight: number;
  readonly inFlightMax: number;
  /** Parts in a run now at most, and what it may grow to. */
  readonly runParts: number;
  readonly runPartsMax: number;
  /** Runs that went well since the last change. */
  readonly successes: number;
}

/**
 * A line that nothing is known of yet: runs begin with one part and grow, so that even a slow line shows soon that it moves.
 * A run and all of them together stay within `MEMORY`.
 */
export function freshLine(partSize: number, runPartsMax: number, inFlight: number): Line {
  const runParts = Math.max(1, Math.min(runPartsMax, Math.floor(RUN_SIZE / partSize)));
  const fitting = Math.floor(MEMORY / (runParts * partSize));
  const most = Math.max(1, Math.min(inFlight, fitting));
  return { inFlight: most, inFlightMax: most, runParts: 1, runPartsMax: runParts, successes: 0 };
}

/** After 429, 503 or a stall: half as many in flight; after a stall also runs half as long, since the next one must fit into the time. */
export function slower(line: Line, isStall: boolean): Line {
  const inFlight = Math.max(1, line.inFlight >> 1);
  const runParts = isStall ? Math.max(1, line.runParts >> 1) : line.runParts;
  return { ...line, inFlight, runParts, successes: 0 };
}

/** After a run that went well: once a whole round did, one more in flight and runs twice as long, up to where it began. */
export function faster(line: Line): Line {
  if (line.successes + 1 < line.inFlight) return { ...line, successes: line.successes + 1 };
  return {
    ...line,
    inFlight: Math.min(line.inFlightMax, line.inFlight + 1),
    runParts: Math.min(line.runPartsMax, line.runParts * 2),
    successes: 0,
  };
}

/** Somebody on the way takes no larger requests: one part a run from now on. */
export function shortest(line: Line): Line {
  return { ...line, runParts: 1, runPartsMax: 1, successes: 0 };
}

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
  line: Line,
): PartRange | undefined {
  if (flights.length >= line.inFlight) return undefined;
  const gaps = [...freeRanges(committed, flights)];
  const [first] = gaps;
  if (!first) return undefined;
  const left = gaps.reduce((parts, [start, end]) => parts + end - start, 0);
  const share = Math.ceil(left / line.inFlight);
  const parts = Math.min(line.runParts, Math.max(share, Math.ceil(line.runParts / 4)));
  return [first[0], Math.min(first[1], first[0] + parts)];
}

/** Parts that are neither committed nor in flight, in order. */
function* freeRanges(committed: PartSet, flights: readonly Flight[]): Generator<PartRange> {
  const taken = flights.map(({ range }) => range).sort(([a], [b]) => a - b);
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
