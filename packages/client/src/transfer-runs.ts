// What the end of a run means: parts committed, or a lesson about the line.
import {
  addPart,
  countParts,
  createPartSet,
  HoldfastError,
  PART_SIZE_STEP,
  type PartRange,
  type PartSet,
} from "@holdfast/protocol";
import { faster, type Lesson, moving, slower } from "./line.ts";
import { isTry, longerFailed, longerPassed, shortest } from "./longer-runs.ts";
import { bytesOf } from "./look.ts";
import { calmed } from "./next-move.ts";
import { badPart, isNoAppend, isTooLarge, judge, type Verdict } from "./retry.ts";
import { committedBytes, type Flight } from "./schedule.ts";
import type { Live, Next, Plan, Stamp, TransferEvent } from "./state.ts";
import { judgeRuns } from "./suspect.ts";
import {
  beginAnew,
  changed,
  end,
  fail,
  type LiveState,
  send,
  sendMore,
  stay,
  take,
  wait,
  watch,
} from "./transitions.ts";
import { broken, NO_BREAKS } from "./unheard.ts";

/** How often one part may prove bad before the transfer fails. */
export const BAD_PART_MAX = 5;

/** A copy of a set with more parts in it. */
export function withRanges(set: PartSet, ranges: readonly PartRange[]): PartSet {
  const next = createPartSet(set.partCount, set.bits);
  for (const [start, stop] of ranges)
    for (let index = start; index < stop; index++) addPart(next, index);
  return next;
}

type RunMoves = Extract<TransferEvent, { type: "runMoves" }>;

/** While nothing is known of the line, what moves tells before the first run has ended. */
export function onRunMoves(state: LiveState, { run, pace, at }: RunMoves): Next {
  const { plan } = state.live;
  const isOurs = plan?.flights.some((one) => one.run === run && one.from === undefined);
  if (!plan || !isOurs) return stay(state);
  const line = moving(plan.line, pace);
  const flights = plan.flights.map((one) => (one.run === run ? { ...one, pace } : one));
  const live = { ...state.live, plan: { ...plan, line, flights } };
  const hasRoom = line !== plan.line && state.phase === "sending";
  return hasRoom ? send(live, at) : stay({ ...state, live });
}

type RunPlaced = Extract<TransferEvent, { type: "runPlaced" }>;

/** The line is free for others; of what it carried, nothing is committed yet. */
export function onRunPlaced(state: LiveState, { run, ms, at }: RunPlaced): Next {
  const { plan } = state.live;
  const flight = plan?.flights.find((one) => one.run === run);
  if (!plan || !flight) return stay(state);
  const flights = plan.flights.filter((one) => one !== flight);
  const left = { ...plan, flights, placed: [...plan.placed, flight] };
  const live = { ...state.live, plan: carried(left, flight, { ms, at }) };
  return state.phase === "sending" ? send(live, at) : goOn(stay({ ...state, live }), at);
}

type RunDone = Extract<TransferEvent, { type: "runDone" }>;

export function onRunDone(state: LiveState, { run, ms, at }: RunDone): Next {
  const { plan } = state.live;
  const flight = flightOf(plan, run);
  if (!plan || !flight) return stay(state);
  const committed = {
    ...without(plan, run),
    committed: withRanges(plan.committed, [flight.range]),
  };
  // What was placed has taught what there is to learn of the line.
  const isPlaced = plan.placed.includes(flight);
  const live: Live = {
    ...state.live,
    attempt: 0,
    breaks: NO_BREAKS,
    progressAt: at,
    plan: isPlaced ? committed : carried(committed, flight, { ms, at }),
  };
  if (state.phase === "sending") return send(live, at);
  const known =
    "pending" in state && state.pending
      ? { ...state, pending: { ...state.pending, fresh: [...state.pending.fresh, flight.range] } }
      : state;
  return goOn(stay({ ...known, live }), at);
}

function partsOf({ range: [start, end] }: Flight): number {
  return end - start;
}

/** A run that is on the line, or placed. */
function flightOf(plan: Plan | undefined, run: number): Flight | undefined {
  return plan && [...plan.flights, ...plan.placed].find((one) => one.run === run);
}

function without(plan: Plan, run: number): Plan {
  const others = (flights: readonly Flight[]) => flights.filter((one) => one.run !== run);
  return { ...plan, flights: others(plan.flights), placed: others(plan.placed) };
}

/** What a run that went well has taught of the line: nothing where nothing went over it. */
function carried(
  plan: Plan,
  flight: Flight,
  { ms, at }: { readonly ms: number | undefined; readonly at: number },
): Plan {
  if (ms === undefined) return plan;
  const bytes = bytesOf(plan.grid, flight);
  const run = { bytes, startedAt: at - ms, at, left: leftOf(plan) };
  return { ...plan, line: faster(longerPassed(plan.line, partsOf(flight)), run) };
}

/** Bytes that are neither committed nor on their way. */
function leftOf({ grid, committed, flights, placed }: Plan): number {
  const moving = [...flights, ...placed].reduce((sum, flight) => sum + bytesOf(grid, flight), 0);
  return grid.size - committedBytes(grid, committed) - moving;
}

type RunFailed = Extract<TransferEvent, { type: "runFailed" }>;

export function onRunFailed(
  state: LiveState,
  { run, error, hasMoved }: RunFailed,
  stamp: Stamp,
): Next {
  const { plan } = state.live;
  const flight = flightOf(plan, run);
  if (!plan || !flight) return stay(state);
  if (flight.from !== undefined && isNoAppend(error)) return withoutAppends(state, plan, run);
  const verdict = judge(error, state.live.attempt, stamp.chance);
  if (verdict.kind === "changed") return end(changed(error));
  if (verdict.kind === "gone" && state.live.isResumed && state.phase !== "paused")
    return beginAnew(state.live, "upload_not_found");
  if (verdict.kind === "fail" || (verdict.kind === "gone" && !state.live.isResumed))
    return fail(error);
  const isOnePart = partsOf(flight) === 1;
  if (isTooLarge(error) && isOnePart && state.phase !== "paused")
    return onPartTooLarge(state.live, plan, error);
  const isSending = state.phase === "sending";
  const isPlaced = plan.placed.includes(flight);
  const lesson = isPlaced
    ? "none"
    : lessonOf(state.live, error, verdict, { hasMoved, at: stamp.at });
  // Whether the server found what is placed says nothing of what else is on its way.
  const doubted = { ...plan, doubtful: doubt(plan, flight, isPlaced ? "cut" : lesson) };
  // Of runs that fail together, the first teaches what there is to learn.
  const learned = isTry(plan.line, partsOf(flight))
    ? { ...doubted, line: longerFailed(plan.line, isTooLarge(error)) }
    : learn(doubted, error, isSending ? lesson : "none", stamp.at);
  if (!learned) return fail(error);
  const calm = { ...learned, line: calmed(state.live, learned, stamp.at) };
  const landed = land({ ...state, live: { ...state.live, plan: calm } }, run);
  if (!isSending) return stay(landed);
  // Of those that break side by side, the first counts.
  const live = { ...landed.live, breaks: broken(state.live, flight, error) };
  // A run may take longer than the time to give up; what it committed, only the status tells.
  const waiting = wait(live, error, stamp, "check", hasMoved && state.live.attempt === 0);
  return live.plan?.flights.length === 0 ? waiting : goOn(waiting, stamp.at);
}

/** What became of a run that broke is being looked into; the rest of the line need not wait for that. */
function goOn({ state, effects }: Next, at: number): Next {
  if (state.phase !== "waiting" && state.phase !== "checking") return { state, effects };
  const more = sendMore(state.live, at);
  return { state: { ...state, live: more.live }, effects: [...effects, ...more.effects] };
}

/** Refused and lost before the first byte, a connection says nothing about the line. One that froze while others went on is as good as cut. */
function lessonOf(
  { progressAt }: Live,
  error: HoldfastError,
  verdict: Verdict,
  { hasMoved, at }: { readonly hasMoved: boolean; readonly at: number },
): Lesson | "none" {
  const silentMs = error.details["silentMs"];
  if (error.code === "stalled")
    return typeof silentMs === "number" && progressAt > at - silentMs ? "cut" : "stall";
  if (verdict.kind === "wait" && verdict.isCongested) return "busy";
  return error.code === "connection_failed" && hasMoved ? "cut" : "none";
}

/** Not even one part gets through: smaller ones may, as long as none is committed. A storage that has no smaller ones gives the same again. */
function onPartTooLarge(live: Live, { grid, committed }: Plan, error: HoldfastError): Next {
  if (error.details["status"] !== 413) return fail(error);
  const mayShrink = grid.partSize > PART_SIZE_STEP && live.partSizeMax === undefined;
  if (mayShrink && countParts(committed) === 0)
    return beginAnew({ ...live, partSizeMax: PART_SIZE_STEP }, "request_too_large");
  const why = `${error.message}, to a request with one part of ${grid.partSize} bytes`;
  const details = { limit: grid.partSize, status: error.details["status"] };
  return fail(new HoldfastError("request_too_large", why, details, error));
}

function withoutAppends(state: LiveState, plan: Plan, run: number): Next {
  const live = { ...state.live, plan: { ...plan, offset: undefined } };
  const landed = land({ ...state, live }, run);
  return landed.phase === "sending" ? take(landed.live, "check") : stay(landed);
}

/** Where one connection broke, only its own parts are in doubt. */
function doubt({ doubtful }: Plan, { range }: Flight, lesson: Lesson | "none"): Plan["doubtful"] {
  return lesson === "cut" && doubtful !== "all" ? [...doubtful, range] : "all";
}

/** It may end long after the pause that stopped it: then what became of its parts must be asked, or nobody would send them. */
export function onRunStopped(state: LiveState, run: number, at: number): Next {
  const { plan } = state.live;
  const flight = flightOf(plan, run);
  if (!plan || !flight) return stay(state);
  // One that was ended by itself leaves only its own parts in doubt.
  const doubtful = flight.isEnded ? doubt(plan, flight, "cut") : plan.doubtful;
  const landed = land({ ...state, live: { ...state.live, plan: { ...plan, doubtful } } }, run);
  if (landed.phase !== "sending") return stay(landed);
  const checking = take(landed.live, "check");
  return flight.isEnded ? goOn(checking, at) : checking;
}

/** From now on it is on the line. */
export function onRunBegins(state: LiveState, run: number, at: number): Next {
  const { plan } = state.live;
  if (!plan?.flights.some((one) => one.run === run)) return stay(state);
  const flights = plan.flights.map((one) => (one.run === run ? { ...one, begunAt: at } : one));
  const live = { ...state.live, plan: { ...plan, flights } };
  return state.phase === "paused" ? stay({ ...state, live }) : watched({ ...state, live }, at);
}

type RunConnected = Extract<TransferEvent, { type: "runConnected" }>;

export function onRunConnected(state: LiveState, { run, connection }: RunConnected): Next {
  const { plan } = state.live;
  if (!plan?.flights.some((one) => one.run === run)) return stay(state);
  const flights = plan.flights.map((one) => (one.run === run ? { ...one, connection } : one));
  return stay({ ...state, live: { ...state.live, plan: { ...plan, flights } } });
}

type Asked = Extract<TransferEvent, { type: "asked" }>;

/** Whatever else is under way goes on. */
export function onAsked(state: LiveState, { id, had, at }: Asked): Next {
  const { ask, plan } = state.live;
  if (ask?.id !== id) return stay(state);
  const lastAsk = { at, ms: at - ask.at };
  const live: Live = { ...state.live, ask: undefined, lastAsk };
  if (!had || !plan || state.phase === "paused") return stay({ ...state, live });
  const judged = judgeRuns(live, plan, { had, askedAt: ask.at, at });
  const next = watched({ ...state, live: { ...live, plan: judged.plan } }, at);
  return { ...next, effects: [...judged.effects, ...next.effects] };
}

/** With the timer that looks at what takes long, where the state has anything to look at. */
function watched(state: LiveState, at: number): Next {
  const { live, effects } = watch(state.live, at);
  return { state: { ...state, live }, effects };
}

/** Without one flight, of whose bytes only the server knows what became. */
function land(state: LiveState, run: number): LiveState {
  const { plan } = state.live;
  const live = { ...state.live, plan: plan && without(plan, run) };
  if ("pending" in state && state.pending)
    return { ...state, live, pending: { ...state.pending, isDoubtful: true } };
  return { ...state, live };
}

/** What an error teaches about line and parts, or undefined where it was met too often. */
function learn(
  plan: Plan,
  error: HoldfastError,
  lesson: Lesson | "none",
  at: number,
): Plan | undefined {
  if (isTooLarge(error)) return { ...plan, line: shortest(plan.line) };
  const index = badPart(error);
  if (index !== undefined) {
    const times = (plan.bad.get(index) ?? 0) + 1;
    return times >= BAD_PART_MAX
      ? undefined
      : { ...plan, bad: new Map(plan.bad).set(index, times) };
  }
  return lesson === "none" ? plan : { ...plan, line: slower(plan.line, lesson, at) };
}
