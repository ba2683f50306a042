// What the end of a run means: parts committed, or a lesson about the line.
import {
  addPart,
  createPartSet,
  type HoldfastError,
  type PartRange,
  type PartSet,
} from "@holdfast/protocol";
import { badPart, isTooLarge, judge } from "./retry.ts";
import { type Flight, faster, shortest, slower } from "./schedule.ts";
import type { Live, Next, Plan, Stamp } from "./state.ts";
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

export function onRunFailed(
  state: LiveState,
  run: number,
  error: HoldfastError,
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
  const isSlow = isSending && verdict.kind === "wait" && verdict.isCongested;
  const learned = learn(plan, flight, error, isSlow);
  if (!learned) return fail(error);
  const without = land({ ...state, live: { ...state.live, plan: learned } }, run);
  return isSending ? wait(without.live, error, stamp, "check") : stay(without);
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
  isSlow: boolean,
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
  return isSlow ? { ...plan, line: slower(plan.line, error.code === "stalled") } : plan;
}
