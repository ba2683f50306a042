// Where a transfer can go from where it is: the transitions that the reducer is made of.
import { countParts, HoldfastError, type PartSet } from "@holdfast/protocol";
import { doubtAt } from "./first.ts";
import { lookAt } from "./look.ts";
import { learned, nextMove } from "./next-move.ts";
import { judge } from "./retry.ts";
import type { Effect, Live, Next, Pending, Stamp, Step, TransferState } from "./state.ts";
import { askAt } from "./suspect.ts";
import { NO_BREAKS } from "./unheard.ts";

export type LiveState = Extract<TransferState, { live: Live }>;

export const PHASE_OF: Readonly<Record<Step, "opening" | "creating" | "checking" | "completing">> =
  { open: "opening", create: "creating", check: "checking", complete: "completing" };

/** No change, or one that asks for nothing. */
export function stay(state: TransferState): Next {
  return { state, effects: [] };
}

/** Begins a step. */
export function take(before: Live, step: Step): Next {
  const id = before.lastId + 1;
  const live = { ...before, lastId: id };
  const pending: Pending = { id, step, fresh: [], isDoubtful: false };
  const { attempt, partSizeMax } = live;
  const grid = partSizeMax === undefined ? {} : { partSizeMax };
  return {
    state: { phase: PHASE_OF[step], live, pending },
    effects: [{ type: "step", step, id, attempt: attempt + 1, ...grid }],
  };
}

/** Sends what can be sent; completes where nothing is left. */
export function send(before: Live, at: number): Next {
  const { plan } = before;
  const isQuiet = plan && plan.flights.length === 0 && plan.placed.length === 0;
  if (isQuiet && isWhole(plan.committed)) {
    const next = take(before, "complete");
    return { ...next, effects: [...next.effects, ...lessonsOf(before)] };
  }
  const { live, effects } = sendMore(before, at);
  return { state: { phase: "sending", live }, effects };
}

/** What the next transfer on this line may be told. */
export function lessonsOf(live: Live): readonly Effect[] {
  const known = live.plan && learned(live, live.plan);
  return known ? [{ type: "remember", known }] : [];
}

/** Begins as many runs as there is room for, whatever else is under way. */
export function sendMore(
  before: Live,
  at: number,
): { readonly live: Live; readonly effects: readonly Effect[] } {
  const effects: Effect[] = [];
  let live = before;
  for (let plan = live.plan; plan && plan.doubtful !== "all"; plan = live.plan) {
    const next = nextMove(live, plan, plan.doubtful);
    if (!next) break;
    const run = live.lastId + 1;
    const flights = [...plan.flights, { run, ...next, startedAt: at }];
    live = { ...live, lastId: run, plan: { ...plan, flights } };
    effects.push({ type: "move", run, attempt: live.attempt + 1, ...next });
  }
  const watching = watch(live, at);
  return { live: watching.live, effects: [...effects, ...watching.effects] };
}

/** Sets the timer that looks at runs that take long; an earlier look takes the place of a later one. */
export function watch(
  live: Live,
  at: number,
): { readonly live: Live; readonly effects: readonly Effect[] } {
  const times = [live.plan && lookAt(live.plan), live.plan && doubtAt(live.plan), askAt(live)];
  const due = Math.max(at, Math.min(...times.map((time) => time ?? Infinity)));
  if (due >= (live.look?.at ?? Infinity)) return { live, effects: [] };
  const timer = live.lastId + 1;
  const look = { timer, at: due };
  return {
    live: { ...live, lastId: timer, look },
    effects: [{ type: "wait", timer, ms: due - at }],
  };
}

function isWhole(committed: PartSet): boolean {
  return countParts(committed) === committed.partCount;
}

/** Waits, then begins `next`; gives up if nothing was committed for too long, unless there `mayBeMore` committed than is known. */
export function wait(
  live: Live,
  error: HoldfastError,
  stamp: Stamp,
  next: "create" | "check",
  mayBeMore: boolean = false,
): Next {
  const verdict = judge(error, live.attempt, stamp.chance);
  if (verdict.kind !== "wait") return fail(error);
  const { giveUpMs } = live.settings;
  const left = giveUpMs === undefined ? Infinity : live.progressAt + giveUpMs - stamp.at;
  if (left <= 0 && !mayBeMore) return fail(gaveUp(error), lessonsOf(live));
  const attempt = live.attempt + 1;
  const waitMs = Math.max(0, Math.min(verdict.waitMs, left));
  const trouble = { code: error.code, attempt, waitMs, detail: error.message };
  const until = error.details["retryAfterMs"] === undefined ? "tried" : "told";
  return pauseFor({ ...live, attempt }, { ms: waitMs, until, next }, [{ type: "report", trouble }]);
}

function gaveUp(error: HoldfastError): HoldfastError {
  const why = `no progress for too long; the last trouble: ${error.message}`;
  return new HoldfastError("gave_up", why, { last: error.code }, error);
}

type Wait = Pick<Extract<TransferState, { phase: "waiting" }>, "until" | "next">;

/** Waits without there being any trouble. */
export function pauseFor(
  live: Live,
  { ms, ...how }: Wait & { readonly ms: number },
  effects: readonly Effect[],
): Next {
  const timer = live.lastId + 1;
  return {
    state: { phase: "waiting", live: { ...live, lastId: timer }, timer, ...how },
    effects: [...effects, { type: "wait", timer, ms }],
  };
}

/** Ends the transfer; what there is of it stays, to go on with. */
export function fail(error: HoldfastError, lessons: readonly Effect[] = []): Next {
  const effects: Effect[] = [{ type: "stop", what: "all" }, ...lessons];
  return { state: { phase: "failed", error }, effects };
}

/** Ends the transfer and removes what there is of it. */
export function end(error: HoldfastError): Next {
  const effects: Effect[] = [{ type: "stop", what: "all" }, { type: "discard" }];
  return { state: { phase: "ending", error }, effects };
}

const ANEW = {
  upload_not_found: "the upload that was begun earlier is gone: a new upload begins",
  source_changed: "the source is not what it was when the upload began: a new upload begins",
  request_too_large:
    "something on the way takes no parts that large: a new upload with smaller ones begins",
} as const;

/** The upload cannot be gone on with, or not as it is: begins a new one. */
export function beginAnew(live: Live, code: keyof typeof ANEW): Next {
  const fresh = { plan: undefined, look: undefined, isResumed: false, breaks: NO_BREAKS };
  const next = take({ ...live, ...fresh }, "create");
  const effects: Effect[] = [
    { type: "stop", what: "runs" },
    { type: "notice", code, detail: ANEW[code] },
  ];
  return { state: next.state, effects: [...effects, ...next.effects] };
}

/** Paused, with nothing under way but perhaps runs that are being stopped. */
export function rest(live: Live): Next {
  return stay({ phase: "paused", live, pending: undefined });
}

/** A conflict with what was committed is what the server sees of a changed source. */
export function changed(error: HoldfastError): HoldfastError {
  return error.code === "source_changed"
    ? error
    : new HoldfastError("source_changed", undefined, error.details, error);
}
