// What goes out next: a run of parts, or an append where the line is too bad for parts.
import { missingRanges, type PartRange, partOffset } from "@holdfast/protocol";
import { isTooCoarse } from "./known.ts";
import {
  few,
  isCutCheaply,
  isCutOften,
  type Known,
  knownOf,
  type Line,
  longestNow,
  usualRunMs,
} from "./line.ts";
import { isTry, tryParts, wantsLonger } from "./longer-runs.ts";
import { committedBytes, lastRun, nextRun, type RunLengths } from "./schedule.ts";
import type { Live, Plan } from "./state.ts";

/** What the line has taught so far, on top of what was known before. */
export function learned({ known: before }: Live, plan: Plan): Known | undefined {
  return knownOf(plan.line, carriedBy(plan), before);
}

/** Bytes that this transfer has moved. */
function carriedBy({ grid, committed, resumedBytes }: Plan): number {
  return committedBytes(grid, committed) - resumedBytes;
}

interface Move {
  readonly range: PartRange;
  readonly from?: number;
}

/**
 * Where a cut is expected to cost too much of what a connection carries, bytes are appended one after another: each counts by itself. Beside an append, parts go out from the
 * end, so that the line is used while an append is begun anew after a cut.
 */
export function nextMove(live: Live, plan: Plan, doubtful: readonly PartRange[]): Move | undefined {
  const { committed, flights, line, offset, grid } = plan;
  const taken = [...doubtful, ...plan.placed.map(({ range }) => range)];
  if (offset === undefined || !isCoarse(live, plan)) {
    const range = nextRun(committed, flights, trying(live, plan) ?? pieces(plan), taken);
    return range && { range };
  }
  const range = nextRun(committed, flights, line, taken);
  const [missing] = missingRanges(committed);
  const isFirst = range?.[0] === missing?.[0] && doubtful.length === 0;
  if (range && isFirst) return { range, from: Math.max(offset, partOffset(grid, range[0])) };
  if (!carriesParts(live, plan)) return undefined;
  const last = lastRun(committed, flights, line, taken);
  return last && { range: last };
}

/** Whether the line is known to be too bad for parts of this size. */
export function isCoarse(live: Live, plan: Plan): boolean {
  const known = learned(live, plan) ?? brokenOnly(plan);
  const isSlow = plan.line.inFlight === 1;
  // What is not known but expected only counts where the line is slow: it may be a good one.
  if (!known || (known.cutEvery === undefined && !isSlow)) return false;
  return isTooCoarse(known, plan.grid.partSize);
}

/** Where no run has ever come through, that connections break is all there is to know: each may break before a part is whole. */
function brokenOnly(plan: Plan): Known | undefined {
  const { inFlight, cuts } = plan.line;
  if (!isCutOften(plan.line)) return undefined;
  return { inFlight, rate: 0, cutEvery: carriedBy(plan) / cuts };
}

/** Whether a connection is likely to live for as long as a part takes. */
function carriesParts(live: Live, plan: Plan): boolean {
  const { cutEvery = Infinity } = learned(live, plan) ?? brokenOnly(plan) ?? {};
  return cutEvery >= plan.grid.partSize;
}

/** Appending takes the line for itself, but for what bridges its beginnings. */
export function calmed(live: Live, plan: Plan, at: number): Line {
  const isAppending = plan.offset !== undefined && isCoarse(live, plan);
  return isAppending ? few(plan.line, at) : plan.line;
}

/** One run at a time may be longer than what somebody on the way once took, where the line would carry it in good time, and nothing is wrong that has another reason. */
function trying(
  { attempt }: Live,
  { line, flights, resent }: Plan,
): Pick<Line, "inFlight" | "runParts"> | undefined {
  const runParts = tryParts(line);
  const isUnderWay = flights.some(({ range: [start, end] }) => isTry(line, end - start));
  const isTroubled = attempt > 0 || resent > 0;
  if (runParts === undefined || isUnderWay || isTroubled || !wantsLonger(line)) return undefined;
  return { inFlight: line.inFlight, runParts };
}

/** What was ended because it held up the end goes out again in shorter pieces, one for each connection. */
function pieces({ line, resent }: Plan): RunLengths {
  const { inFlight, runParts, bounds } = line;
  // Where runs are short, what lies between two of them is not small beside them; where a part is long already, nothing is gained.
  const isShort = (usualRunMs(line, bounds.partSize) ?? 0) < (bounds.runMs ?? 0);
  const uneven = isShort || isCutCheaply(line) ? { unevenMax: longestNow(line) } : {};
  return { inFlight, runParts: resent > 0 ? Math.ceil(runParts / 4) : runParts, ...uneven };
}
