// What the end of a run means: parts committed, or a lesson about the line.
import {
  addPart,
  createPartSet,
  type HoldfastError,
  type PartRange,
  type PartSet,
} from "@holdfast/protocol";
import { badPart, isTooLarge, judge, type Verdict } from "./retry.ts";
import { type Flight, faster, type Lesson, shortest, slower } from "./schedule.ts";
import type { Live, Next, Plan, Stamp, TransferEvent } from "./state.ts";
import {
  beginAnew,
  changed,
  end,
  fail,
  type LiveState,
  send,
  stay,
  take,
  wait,
} from "./transitions.ts";

/** How often one part may prove bad before the transfer fails. */
export const BAD_PART_MAX = 5;

/** A copy of a set with more parts in it. */
export function withRanges(set: PartSet, ranges: readonly PartRange[]): PartSet {
  const next = createPartSet(set.partCount, set.bits);
  for (const [start, stop] of ranges)
    for (let index = start; index < stop; index++) addPart(next, index);
  return next;
}

export function onRunDone(state: LiveState, run: number, at: number): Next {
  const { plan } = state.live;
  const flight = plan?.flights.find((one) => one.run === run);
  if (!plan || !flight) return stay(state);
  const live: Live = {
    ...state.live,
    attempt: 0,
    progressAt: at,
    plan: {
      ...plan,
      committed: withRanges(plan.committed, [flight.range]),
      flights: plan.flights.filter((one) => one !== flight),
      line: faster(plan.line),
    },
  };
  if (state.phase === "sending") return send(live);
  if ("pending" in state && state.pending) {
    const fresh = [...state.pending.fresh, flight.range];
    return stay({ ...state, live, pending: { ...state.pending, fresh } });
  }
  return stay({ ...state, live });
}

type RunFailed = Extract<TransferEvent, { type: "runFailed" }>;

export function onRunFailed(
  state: LiveState,
  { run, error, hasMoved }: RunFailed,
  stamp: Stamp,
): Next {
  const { plan } = state.live;
  const flight = plan?.flights.find((one) => one.run === run);
  if (!plan || !flight) return stay(state);
  const verdict = judge(error, state.live.attempt, stamp.chance);
  if (verdict.kind === "changed") return end(changed(error));
  if (verdict.kind === "gone" && state.live.isResumed && state.phase !== "paused")
    return beginAnew(state.live, "upload_not_found");
  if (verdict.kind === "fail" || (verdict.kind === "gone" && !state.live.isResumed))
    return fail(error);
  const isSending = state.phase === "sending";
  // Of runs that fail together, the first teaches what there is to learn.
  const learned = learn(
    plan,
    flight,
    error,
    isSending ? lessonOf(error, verdict, hasMoved) : "none",
  );
  if (!learned) return fail(error);
  const without = land({ ...state, live: { ...state.live, plan: learned } }, run);
  if (!isSending) return stay(without);
  // A run may take longer than the time to give up; what it committed, only the status tells.
  return wait(without.live, error, stamp, "check", hasMoved && state.live.attempt === 0);
}

/** Refused and lost before the first byte, a connection says nothing about how long a run may be. */
function lessonOf(error: HoldfastError, verdict: Verdict, hasMoved: boolean): Lesson | "none" {
  if (error.code === "stalled") return "stall";
  if (verdict.kind === "wait" && verdict.isCongested) return "busy";
  return error.code === "connection_failed" && hasMoved ? "cut" : "none";
}

/** It may end long after the pause that stopped it: then what became of its parts must be asked, or nobody would send them. */
export function onRunStopped(state: LiveState, run: number): Next {
  if (!state.live.plan?.flights.some((one) => one.run === run)) return stay(state);
  const landed = land(state, run);
  return landed.phase === "sending" ? take(landed.live, "check") : stay(landed);
}

/** Without one flight, of whose bytes only the server knows what became. */
function land(state: LiveState, run: number): LiveState {
  const { plan } = state.live;
  const flights = plan?.flights.filter((one) => one.run !== run) ?? [];
  const live = { ...state.live, plan: plan && { ...plan, flights } };
  if ("pending" in state && state.pending)
    return { ...state, live, pending: { ...state.pending, isDoubtful: true } };
  return { ...state, live };
}

/** What an error teaches about line and parts, or undefined where it was met too often. */
function learn(
  plan: Plan,
  { range: [start, stop] }: Flight,
  error: HoldfastError,
  lesson: Lesson | "none",
): Plan | undefined {
  if (isTooLarge(error))
    return stop - start === 1 ? undefined : { ...plan, line: shortest(plan.line) };
  const index = badPart(error);
  if (index !== undefined) {
    const times = (plan.bad.get(index) ?? 0) + 1;
    return times >= BAD_PART_MAX
      ? undefined
      : { ...plan, bad: new Map(plan.bad).set(index, times) };
  }
  return lesson === "none" ? plan : { ...plan, line: slower(plan.line, lesson) };
}
