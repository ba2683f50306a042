// Suspects runs of which nothing arrives any more: the server is asked what came of them, and dead ones are ended. What a socket took says nothing: it takes more than the line carries.
import { hasPart, KIB } from "@holdfast/protocol";
import { isCutOften, slower, slowRunMs, usualRunMs } from "./line.ts";
import { bytesOf, isEnd, LATE, LOST_MAX } from "./look.ts";
import { calmed } from "./next-move.ts";
import type { Flight } from "./schedule.ts";
import type { Effect, Had, Live, Plan } from "./state.ts";

/** The status shows a run part by part, an append by pieces of this size. */
const PIECE: number = 256 * KIB;
/** A piece may take so many times as long as they usually do, and at least so many milliseconds, before the server is asked whether it came. */
const SLACK = 1.5;
const QUIET_MS_MIN = 750;
/** Nothing new for so many times that long is the end of a run; on top of it come round trips, more of them on a connection that may have been made for it and begins slowly. */
const SILENCES = 2;
const TRIPS = 2;
const TRIPS_FIRST = 6;
/** The next question may take so many times as long as the last one did. */
const TRIP_MARGIN = 1.25;

/** How long nothing may arrive of a run before that is strange, in milliseconds; undefined while the line's pace is not known. */
function quietMs({ line, grid }: Plan, { from }: Flight): number | undefined {
  const usual = usualRunMs(line, from === undefined ? grid.partSize : PIECE);
  return usual === undefined ? undefined : Math.max(QUIET_MS_MIN, SLACK * usual);
}

/** What the server was last heard to have of a run: nothing when it began. */
function heardOf({ heard, begunAt = Infinity }: Flight): { bytes: number; at: number } {
  return heard ?? { bytes: 0, at: begunAt };
}

/** How long nothing may arrive of a run before it is dead, in milliseconds, where a question takes `tripMs`. */
function deadAfterMs(flight: Flight, quiet: number, tripMs: number): number {
  const isBeginning = heardOf(flight).bytes === 0 && flight.connection !== "reused";
  return SILENCES * quiet + (isBeginning ? TRIPS_FIRST : TRIPS) * tripMs;
}

/** When the server is to be asked what came of the runs, in milliseconds (monotonic). */
export function askAt({ settings, plan, ask, lastAsk }: Live): number | undefined {
  if (!settings.canAsk || !plan || ask || !isAfforded(plan)) return undefined;
  const soonest = Math.min(...plan.flights.map((flight) => suspectAt(plan, flight, lastAsk)));
  return soonest < Infinity ? soonest : undefined;
}

/** A line that breaks often is watched closely, and so is an end that others wait for; elsewhere a run is suspected when it takes longer than nearly all did. */
function suspectAt(plan: Plan, flight: Flight, lastAsk: Live["lastAsk"]): number {
  const { line, grid } = plan;
  const quiet = quietMs(plan, flight);
  if (flight.isEnded || quiet === undefined) return Infinity;
  const { begunAt = Infinity } = flight;
  const isClose = isCutOften(line) || isEnd(plan);
  const slow = slowRunMs(line, bytesOf(grid, flight)) ?? Infinity;
  const late = isClose ? begunAt : begunAt + LATE * slow;
  const heardAt = heardOf(flight).at;
  const { at: askedAt, ms: tripMs } = lastAsk ?? { at: -Infinity, ms: 0 };
  const next = Math.max(late, heardAt + quiet, askedAt + quiet);
  // A question that is sent from then on decides: not one a little before it, and the next one long after.
  const deadAt = heardAt + deadAfterMs(flight, quiet, TRIP_MARGIN * tripMs);
  const isDecided = askedAt - tripMs >= deadAt;
  return isDecided ? next : Math.min(next, Math.max(late, askedAt, deadAt));
}

/** One may always die; what dies besides that costs a part each. */
function isAfforded({ dead, grid }: Plan): boolean {
  return dead * grid.partSize <= grid.size * LOST_MAX;
}

/** What the server had of a run, in bytes. */
function arrived({ grid }: Plan, { range: [start, end], from }: Flight, had: Had): number {
  let parts = 0;
  for (let index = start; index < end; index++) if (hasPart(had.committed, index)) parts++;
  const appended = from === undefined ? 0 : Math.max(0, (had.offset ?? 0) - from);
  return Math.max(parts * grid.partSize, appended);
}

/**
 * Whether part of a run has been there for longer than from one question to the next: what a proxy kept back until it was whole also comes part by part, but within a
 * moment.
 */
function isShown(plan: Plan, flight: Flight, had: Had): boolean {
  const bytes = arrived(plan, flight, had);
  return heardOf(flight).bytes > 0 && bytes < bytesOf(plan.grid, flight);
}

/** Notes what the server `had`, asked at `askedAt` and answered at `at`; ends the runs of which nothing new came for too long. */
export function judgeRuns(
  live: Live,
  plan: Plan,
  { had, askedAt, at }: { readonly had: Had; readonly askedAt: number; readonly at: number },
): { readonly plan: Plan; readonly effects: readonly Effect[] } {
  const effects: Effect[] = [];
  const showsRuns = plan.showsRuns || plan.flights.some((one) => isShown(plan, one, had));
  const flights = plan.flights.map((flight): Flight => {
    const bytes = arrived(plan, flight, had);
    const before = heardOf(flight);
    if (bytes > before.bytes) return { ...flight, heard: { bytes, at } };
    if (!showsRuns) return flight;
    const quiet = quietMs(plan, flight) ?? Infinity;
    const isDead = askedAt - before.at >= deadAfterMs(flight, quiet, at - askedAt);
    if (!isDead || flight.isEnded) return flight;
    effects.push({ type: "stop", what: { run: flight.run } });
    return { ...flight, isEnded: true };
  });
  const heard = { ...plan, flights, showsRuns };
  if (effects.length === 0) return { plan: heard, effects };
  // A connection that froze is as good as cut; of those that froze together, one teaches what there is to learn.
  const dead = { ...heard, dead: plan.dead + effects.length, line: slower(plan.line, "cut", at) };
  return { plan: { ...dead, line: calmed(live, dead, at) }, effects };
}
