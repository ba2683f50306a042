// What a transfer does next: a pure reducer from (state, event) to (state, effects).
import { HoldfastError, type PartSet } from "@holdfast/protocol";
import { doubt } from "./first.ts";
import { freshLine, usualRunMs, withRunsUpTo } from "./line.ts";
import { bytesOf, look } from "./look.ts";
import { judge } from "./retry.ts";
import { committedBytes, type Flight } from "./schedule.ts";
import type {
  Answer,
  Effect,
  Live,
  Next,
  Pending,
  Plan,
  Settings,
  Stamp,
  Step,
  TransferEvent,
  TransferState,
} from "./state.ts";
import { askAt } from "./suspect.ts";
import {
  onAsked,
  onRunBegins,
  onRunConnected,
  onRunDone,
  onRunFailed,
  onRunMoves,
  onRunPlaced,
  onRunStopped,
  withRanges,
} from "./transfer-runs.ts";
import {
  beginAnew,
  changed,
  end,
  fail,
  type LiveState,
  lessonsOf,
  PHASE_OF,
  pauseFor,
  rest,
  send,
  stay,
  take,
  wait,
} from "./transitions.ts";
import { NO_BREAKS, remedyOf } from "./unheard.ts";

/** While the server completes the upload, it is asked this often. */
const POLL = { ms: 500, until: "told", next: "check" } as const;
/** What is under way when a person pauses has so long to end by itself, in milliseconds. */
export const PAUSE_MS = 2_000;

/** A transfer that begins now. */
export function begin(settings: Settings, at: number): Next {
  const live: Live = {
    settings,
    lastId: 0,
    plan: undefined,
    isOpened: false,
    isResumed: false,
    attempt: 0,
    breaks: NO_BREAKS,
    progressAt: at,
    look: undefined,
    ask: undefined,
    lastAsk: undefined,
    known: undefined,
    partSizeMax: undefined,
  };
  return take(live, "open");
}

/** The one place where a transfer changes. Ended transfers stay as they are, and answers that nobody waits for any more are passed over. */
export function reduce(state: TransferState, event: TransferEvent): Next {
  if (!("live" in state)) return reduceEnded(state, event);
  switch (event.type) {
    case "pause":
      return pause(state, event.at);
    case "resume":
      return state.phase === "paused" ? resume(state, event.at) : stay(state);
    case "abort":
      return end(new HoldfastError("aborted"));
    case "timer":
      return onTimer(state, event.timer, event.at);
    case "runMoves":
      return onRunMoves(state, event);
    case "runPlaced":
      return onRunPlaced(state, event);
    case "runDone":
      return onRunDone(state, event);
    case "runFailed":
      return onRunFailed(state, event, event);
    case "runStopped":
      return onRunStopped(state, event.run, event.at);
    case "runBegins":
      return onRunBegins(state, event.run, event.at);
    case "runConnected":
      return onRunConnected(state, event);
    case "asked":
      return onAsked(state, event);
    case "ended":
      return stay(state);
    case "hinted":
      return onHinted(state);
    default:
      return "pending" in state && state.pending?.id === event.id
        ? onStep(state, state.pending, event)
        : stay(state);
  }
}

/** Where we wait to try again, it is tried now: a hint may be wrong, an answer is not. What the server told us to wait, we wait. */
function onHinted(state: LiveState): Next {
  const mayTry = state.phase === "waiting" && state.until === "tried";
  return mayTry ? take(state.live, state.next) : stay(state);
}

function onTimer(state: LiveState, timer: number, at: number): Next {
  if (state.phase === "waiting" && state.timer === timer) return take(state.live, state.next);
  if (state.live.look?.timer !== timer) return stay(state);
  if (state.phase === "paused") {
    const paused = { ...state, live: { ...state.live, look: undefined } };
    return { state: paused, effects: [{ type: "stop", what: "runs" }] };
  }
  const { live, effects } = asking({ ...state.live, look: undefined }, at);
  const { plan } = live;
  if (state.phase !== "sending" || !plan) return { state: { ...state, live }, effects };
  const seen = look(doubt(plan, at), at);
  const next = send({ ...live, plan: seen.plan }, at);
  return { ...next, effects: [...effects, ...seen.effects, ...next.effects] };
}

/** Asks what came of the runs, where it is time for that. */
function asking(live: Live, at: number): { live: Live; effects: readonly Effect[] } {
  if ((askAt(live) ?? Infinity) > at) return { live, effects: [] };
  const id = live.lastId + 1;
  return { live: { ...live, lastId: id, ask: { id, at } }, effects: [{ type: "ask", id }] };
}

type EndedState = Exclude<TransferState, LiveState>;
type StepEvent = Extract<TransferEvent, { type: "opened" | "answered" | "stepFailed" }>;

function reduceEnded(state: EndedState, event: TransferEvent): Next {
  if (state.phase !== "ending" || event.type !== "ended") return stay(state);
  const { error } = state;
  const phase = error.code === "aborted" ? "aborted" : "failed";
  return stay({ phase, error });
}

function onStep(state: LiveState, pending: Pending, event: StepEvent): Next {
  const { live } = state;
  const isPaused = state.phase === "paused";
  switch (event.type) {
    case "opened": {
      const { isResumed, known } = event;
      // What was waited for before, others had to end.
      const opened = { ...live, isOpened: true, isResumed, known, progressAt: event.at };
      return isPaused ? rest(opened) : take(opened, isResumed ? "check" : "create");
    }
    case "stepFailed":
      return onStepFailed(live, pending.step, isPaused, event.error, event);
    case "answered":
      return onAnswer(live, pending, isPaused, event.answer, event.at);
  }
}

function onStepFailed(
  live: Live,
  step: Step,
  isPaused: boolean,
  error: HoldfastError,
  stamp: Stamp,
): Next {
  const verdict = judge(error, live.attempt, stamp.chance);
  if (verdict.kind === "changed") return end(changed(error));
  if (verdict.kind === "gone" && live.isResumed) {
    if (isPaused) return rest({ ...live, plan: undefined, isResumed: false });
    return beginAnew(live, "upload_not_found");
  }
  if (verdict.kind !== "wait" || step === "open") return fail(error);
  if (isPaused) return rest(live);
  // What became of a complete whose answer was lost, the status tells.
  const isAway = verdict.isCongested || error.details["refused"] === true;
  const quiet =
    isAway && live.plan ? { ...live, plan: { ...live.plan, doubtful: "all" as const } } : live;
  return wait(quiet, error, stamp, step === "create" ? "create" : "check");
}

function onAnswer(
  live: Live,
  pending: Pending,
  isPaused: boolean,
  answer: Answer,
  at: number,
): Next {
  switch (answer.kind) {
    case "complete":
      return stay({ phase: "complete", file: answer.file });
    case "unusable":
      return isPaused
        ? rest({ ...live, plan: undefined, isResumed: false })
        : beginAnew(live, "source_changed");
    case "completing": {
      const busy = { ...live, progressAt: at };
      return isPaused ? rest(busy) : pauseFor(busy, POLL, []);
    }
    case "open": {
      const plan = planOf(live, pending, answer, at);
      // What a run committed before it was cut is progress, though no run was ever whole.
      const isProgress = live.plan && hasMore(plan.committed, live.plan.committed);
      const progress = isProgress ? { attempt: 0, progressAt: at } : {};
      // Some bytes of an append are none yet, but they have come through.
      const isAppended = (answer.offset ?? 0) > (live.plan?.offset ?? 0);
      const breaks = isProgress || isAppended ? NO_BREAKS : live.breaks;
      const known = live.plan ? live.known : (answer.known ?? live.known);
      const planned = { ...live, ...progress, breaks, known, plan };
      if (isPaused) return rest(planned);
      return pending.isDoubtful ? take(planned, "check") : sendOn(planned, at);
    }
  }
}

/** As the last status has it. */
function sendOn(live: Live, at: number): Next {
  const remedy = remedyOf(live);
  switch (remedy.kind) {
    case "none":
      return send(live, at);
    case "shorter runs":
      return send(remedy.live, at);
    case "smaller parts":
      return beginAnew(remedy.live, "request_too_large");
    case "tell": {
      const { state, effects } = send(remedy.live, at);
      return { state, effects: [...effects, remedy.effect] };
    }
  }
}

/** The server's list stands; only runs that committed after it was asked for are added. */
function planOf(
  live: Live,
  pending: Pending,
  answer: Extract<Answer, { kind: "open" }>,
  at: number,
): Plan {
  const { plan, settings } = live;
  const { grid, runPartsMax, offset, known = live.known } = answer;
  const committed = withRanges(answer.committed, pending.fresh);
  if (plan)
    return {
      ...plan,
      grid,
      committed,
      runPartsMax,
      line: runPartsMax === plan.runPartsMax ? plan.line : withRunsUpTo(plan.line, runPartsMax),
      offset: plan.offset === undefined ? undefined : offset,
      doubtful: pending.isDoubtful ? plan.doubtful : [],
    };
  const { partSize } = grid;
  const { inFlight: inFlightMax, runMs, keepsCut } = settings;
  const length = { ...(runMs === undefined ? {} : { runMs }), ...(keepsCut && { keepsCut }) };
  const line = freshLine({ partSize, runPartsMax, inFlightMax, ...length }, at, known);
  const resumedBytes = committedBytes(grid, committed);
  return {
    grid,
    committed,
    offset,
    line,
    runPartsMax,
    resumedBytes,
    resent: 0,
    dead: 0,
    showsRuns: false,
    flights: [],
    placed: [],
    doubtful: [],
    bad: new Map(),
  };
}

function hasMore(now: PartSet, before: PartSet): boolean {
  return now.bits.some((byte, at) => (byte & ~(before.bits[at] ?? 0)) !== 0);
}

/**
 * Stops the runs, but for those that are expected to end within a moment: what of them is on its way need not go out twice. A step under way is left to end,
 * since its answer must not be lost.
 */
function pause(state: LiveState, at: number): Next {
  if (state.phase === "paused") return stay(state);
  const pending = "pending" in state ? state.pending : undefined;
  const lessons = lessonsOf(state.live);
  const { flights = [], placed = [] } = state.live.plan ?? {};
  const slow = flights.filter((flight) => !isNearlyDone(state.live.plan, flight, at));
  if (slow.length === flights.length && placed.length === 0) {
    const live = { ...state.live, look: undefined };
    const effects: Effect[] = [{ type: "stop", what: "runs" }, ...lessons];
    return { state: { phase: "paused", live, pending }, effects };
  }
  const timer = state.live.lastId + 1;
  const live = { ...state.live, lastId: timer, look: { timer, at: at + PAUSE_MS } };
  const stops = slow.map(({ run }): Effect => ({ type: "stop", what: { run } }));
  const wake: Effect = { type: "wait", timer, ms: PAUSE_MS };
  return { state: { phase: "paused", live, pending }, effects: [...stops, wake, ...lessons] };
}

function isNearlyDone(plan: Plan | undefined, flight: Flight, at: number): boolean {
  const usual = plan && usualRunMs(plan.line, bytesOf(plan.grid, flight));
  const { begunAt } = flight;
  return usual !== undefined && begunAt !== undefined && begunAt + usual <= at + PAUSE_MS;
}

function resume(state: Extract<LiveState, { phase: "paused" }>, at: number): Next {
  const live = { ...state.live, progressAt: at };
  if (state.pending)
    return stay({ phase: PHASE_OF[state.pending.step], live, pending: state.pending });
  if (!live.isOpened) return take(live, "open");
  return take(live, live.plan || live.isResumed ? "check" : "create");
}
