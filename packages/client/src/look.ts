// Looks at last runs: one that is late holds up the end.
import { countParts, type Grid, partOffset, runSize } from "@holdfast/protocol";
import { slowRunMs } from "./line.ts";
import type { Flight } from "./schedule.ts";
import type { Effect, Plan } from "./state.ts";

/** A last run is sent again once it took this much longer than nearly all did. */
export const LATE = 1.5;
/** And so many milliseconds longer: on a quick line one slow flush of the server's disk takes as long, and nothing is won by sending again what is only waiting for that. */
const LATE_MS_MIN = 750;
/** Bytes that may be lost to sending last runs again, as a share of the file. */
export const LOST_MAX = 0.05;

/** Bytes of a run's body. */
export function bytesOf(grid: Grid, { range, from = partOffset(grid, range[0]) }: Flight): number {
  return runSize(grid, ...range) - (from - partOffset(grid, range[0]));
}

/** When there will be something to look at, in milliseconds (monotonic). */
export function lookAt(plan: Plan): number | undefined {
  const soonest = Math.min(...lastOnes(plan).map((flight) => lateAt(plan, flight)));
  return soonest < Infinity ? soonest : undefined;
}

/** Nothing is left to send, and there is room for more. */
export function isEnd({ line, flights, placed, committed }: Plan): boolean {
  if (flights.length >= line.inFlight) return false;
  const gone = [...flights, ...placed].reduce((sum, { range: [from, to] }) => sum + to - from, 0);
  return countParts(committed) + gone === committed.partCount;
}

/** Runs that others wait for. */
function lastOnes(plan: Plan): readonly Flight[] {
  const { flights, grid, resent } = plan;
  const isAfforded = (resent + 1) * grid.partSize <= grid.size * LOST_MAX;
  // What is appended is on the line alone: another connection would only take it over.
  return isEnd(plan) && isAfforded
    ? flights.filter(({ from, isEnded }) => from === undefined && !isEnded)
    : [];
}

function lateAt({ line, grid }: Plan, flight: Flight): number {
  const usual = slowRunMs(line, bytesOf(grid, flight)) ?? Infinity;
  return (flight.begunAt ?? flight.startedAt) + Math.max(usual * LATE, usual + LATE_MS_MIN);
}

/**
 * What to do about a last run that is late. None is sent twice at once, since two requests for the same parts are in each other's way: the slow one is ended, which keeps what
 * of it is whole, and the rest goes out again in shorter runs over the connections that are free.
 */
export function look(
  plan: Plan,
  at: number,
): { readonly plan: Plan; readonly effects: readonly Effect[] } {
  const late = lastOnes(plan).filter((flight) => lateAt(plan, flight) <= at);
  const [slowest] = late.toSorted((a, b) => lateAt(plan, a) - lateAt(plan, b));
  return slowest ? ended({ ...plan, resent: plan.resent + 1 }, [slowest]) : { plan, effects: [] };
}

function ended(plan: Plan, late: readonly Flight[]): ReturnType<typeof look> {
  const flights = plan.flights.map((flight) =>
    late.includes(flight) ? { ...flight, isEnded: true as const } : flight,
  );
  const effects = late.map(({ run }): Effect => ({ type: "stop", what: { run } }));
  return { plan: { ...plan, flights }, effects };
}
