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
  /** Something was too much for it: grows slowly until it is where it began. */
  readonly isCareful: boolean;
}

/** What went wrong: the server is busy, nothing moved any more, the connection broke on the way. */
export type Lesson = "busy" | "stall" | "cut";

/** A careful line grows by one after this many runs that went well. */
const CAREFUL_SUCCESSES = 4;

/**
 * A line that nothing is known of yet: runs begin with one part and grow, so that even a slow line shows soon that it moves.
 * A run and all of them together stay within `MEMORY`.
 */
export function freshLine(partSize: number, runPartsMax: number, inFlight: number): Line {
  const runParts = Math.max(1, Math.min(runPartsMax, Math.floor(RUN_SIZE / partSize)));
  const fitting = Math.floor(MEMORY / (runParts * partSize));
  const most = Math.max(1, Math.min(inFlight, fitting));
  return {
    inFlight: most,
    inFlightMax: most,
    runParts: 1,
    runPartsMax: runParts,
    successes: 0,
    isCareful: false,
  };
}

/** Half as many in flight where the server is busy or nothing moves; runs half as long where the next one must fit into the time that the line has. */
export function slower(line: Line, lesson: Lesson): Line {
  const inFlight = lesson === "cut" ? line.inFlight : Math.max(1, line.inFlight >> 1);
  const runParts = lesson === "busy" ? line.runParts : Math.max(1, line.runParts >> 1);
  const isCareful = line.isCareful || lesson !== "busy";
  return { ...line, inFlight, runParts, successes: 0, isCareful };
}

/**
 * After a run that went well: once a whole round did, one more in flight and runs twice as long, up to where it began. On a careful line only one part
 * longer: twice as long would be the next stall.
 */
export function faster(line: Line): Line {
  const { isCareful, successes } = line;
  if (successes + 1 < (isCareful ? CAREFUL_SUCCESSES : line.inFlight)) {
    return { ...line, successes: successes + 1 };
  }
  const inFlight = Math.min(line.inFlightMax, line.inFlight + 1);
  const longer = isCareful ? line.runParts + 1 : line.runParts * 2;
  const runParts = Math.min(line.runPartsMax, longer);
  const isGrown = inFlight === line.inFlightMax && runParts === line.runPartsMax;
  return { ...line, inFlight, runParts, successes: 0, isCareful: isCareful && !isGrown };
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
