// Carries out what the reducer asks for: the one place where a transfer's state is held.
import { HoldfastError, toHoldfastError } from "@holdfast/protocol";
import { createEmitter, type Emitter, type PublicState, type WatchedTransfer } from "./events.ts";
import { createMovement } from "./movement.ts";
import type { Clock, Connection, Random } from "./ports.ts";
import type {
  Effect,
  Next,
  Phase,
  Result,
  Settings,
  TransferEvent,
  TransferState,
} from "./state.ts";
import { createTeller } from "./teller.ts";
import { begin, reduce } from "./transfer.ts";
import type { Call, Work } from "./work.ts";

export interface RunParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: Settings;
  /** What the phase `sending` is called from outside. */
  readonly sending: "sending" | "receiving";
  /** Makes the work, which tells of what happens through `emit`. */
  readonly work: (emit: Emitter["emit"]) => Work;
}

/** An event before it is stamped. */
type Occurrence = TransferEvent extends infer One
  ? One extends TransferEvent
    ? Omit<One, "at" | "chance">
    : never
  : never;
type StepEffect = Extract<Effect, { type: "step" }>;
type StopEffect = Extract<Effect, { type: "stop" }>;
type MoveEffect = Extract<Effect, { type: "move" }>;

/** What is no run: nobody asks how it goes on. */
const UNWATCHED = {
  onBegin: () => undefined,
  onConnected: () => undefined,
  onMoved: () => undefined,
  onPlaced: () => undefined,
};

/** Starts a transfer; it runs until `done` settles. */
export function runTransfer({
  clock,
  random,
  settings,
  sending,
  work: make,
}: RunParts): WatchedTransfer {
  const { on, emit } = createEmitter();
  const work = make(emit);
  const teller = createTeller(clock, emit);
  const steps = new Map<number, AbortController>();
  const runs = new Map<number, AbortController>();
  const timers = new Map<number, () => void>();
  const running = new Set<Promise<void>>();
  const moving = new Set<Promise<void>>();
  const queue: TransferEvent[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  // Who listens to events only must not meet an unhandled rejection.
  promise.catch(() => "told by the error event");
  const first = begin(settings, clock.monotonic());
  let state: TransferState = first.state;
  let isReducing = false;

  const nameOf = (phase: Phase): PublicState => (phase === "sending" ? sending : phase);

  /** Effects may bring about events at once; those wait until the event before them is done with. */
  function dispatch(event: Occurrence): void {
    const [high = 0, low = 0] = random.bytes(2);
    queue.push({ ...event, at: clock.monotonic(), chance: (high * 256 + low) / 65_535 });
    if (isReducing) return;
    isReducing = true;
    for (let next = queue.shift(); next; next = queue.shift()) accept(reduce(state, next));
    isReducing = false;
  }

  function accept({ state: next, effects }: Next): void {
    const before = state;
    state = next;
    if ("live" in next) teller.follow(next.live.plan);
    else if (next.phase === "complete" && next !== before) teller.completed(next.file);
    if (next.phase !== before.phase) emit("state", nameOf(next.phase));
    for (const effect of effects) perform(effect);
    const isOver = next.phase === "complete" || next.phase === "failed" || next.phase === "aborted";
    if (isOver && next !== before) void finish(next);
  }

  function perform(effect: Effect): void {
    if (effect.type === "step") startStep(effect);
    else if (effect.type === "move") startMove(effect);
    else if (effect.type === "wait") startTimer(effect.timer, effect.ms);
    else if (effect.type === "remember") keepAccount(work.remember(effect.known));
    else if (effect.type === "report") emit("retry", effect.trouble);
    else if (effect.type === "notice") emit("notice", { code: effect.code, detail: effect.detail });
    else if (effect.type === "stop") stop(effect.what);
    else if (effect.type === "ask") startAsk(effect.id);
    else void discard();
  }

  function startTimer(timer: number, ms: number): void {
    const callOff = clock.after(ms, () => {
      timers.delete(timer);
      dispatch({ type: "timer", timer });
    });
    timers.set(timer, callOff);
  }

  function keepAccount(task: Promise<void>): void {
    const ran = task.finally(() => running.delete(ran));
    running.add(ran);
  }

  function startStep({ id, step, attempt, partSizeMax }: StepEffect): void {
    const { signal, done } = register(steps, id);
    const onMoved = (bytes: number) => teller.moved(undefined, bytes);
    const grid = partSizeMax === undefined ? {} : { partSizeMax };
    void done(() => takeStep(id, step, { ...UNWATCHED, attempt, signal, onMoved, ...grid }));
  }

  function startAsk(id: number): void {
    const { signal, done } = register(steps, id);
    void done(async () => {
      const had = await work.ask({ ...UNWATCHED, attempt: 1, signal }).catch(() => undefined);
      return { type: "asked", id, had };
    });
  }

  async function takeStep(id: number, step: StepEffect["step"], call: Call): Promise<Occurrence> {
    try {
      if (step === "open") return { type: "opened", id, ...(await work.open(call)) };
      const answer = await work[step](call);
      if (answer.kind === "complete" && answer.stored) teller.stored(answer.stored);
      return { type: "answered", id, answer };
    } catch (error) {
      return { type: "stepFailed", id, error: toHoldfastError(error) };
    }
  }

  function startMove({ run, range, attempt, from }: MoveEffect): void {
    const { signal, done } = register(runs, run);
    let hasMoved = false;
    let beganAt = clock.monotonic();
    const onBegin = (at = clock.monotonic()) => {
      beganAt = at;
      dispatch({ type: "runBegins", run });
    };
    const onConnected = (connection: Connection) =>
      dispatch({ type: "runConnected", run, connection });
    const movement = createMovement(sending === "receiving" ? "in" : "out");
    const onMoved = (bytes: number) => {
      hasMoved = true;
      const pace = movement.note(bytes, clock.monotonic());
      if (pace !== undefined) dispatch({ type: "runMoves", run, pace });
      teller.moved(run, bytes);
    };
    const onPlaced = () => {
      const ms = hasMoved ? clock.monotonic() - beganAt : undefined;
      dispatch({ type: "runPlaced", run, ms });
    };
    const told = { onBegin, onConnected, onMoved, onPlaced };
    const moved = done(async () => {
      try {
        const how = from === undefined ? {} : { from };
        await work.move(range, { attempt, signal, ...told, ...how });
        return { type: "runDone", run, ms: clock.monotonic() - beganAt };
      } catch (error) {
        if (signal.aborted) return { type: "runStopped", run };
        return { type: "runFailed", run, error: toHoldfastError(error), hasMoved };
      } finally {
        teller.landed(run);
      }
    });
    moving.add(moved);
    void moved.then(() => moving.delete(moved));
  }

  /** Keeps account of a task until what it brings about is dispatched. */
  function register(
    controllers: Map<number, AbortController>,
    id: number,
  ): { readonly signal: AbortSignal; done(task: () => Promise<Occurrence>): Promise<void> } {
    const controller = new AbortController();
    controllers.set(id, controller);
    return {
      signal: controller.signal,
      done(task) {
        const ran = task().then((event) => {
          controllers.delete(id);
          running.delete(ran);
          dispatch(event);
        });
        running.add(ran);
        return ran;
      },
    };
  }

  function stop(what: StopEffect["what"]): void {
    const reason = new HoldfastError("aborted");
    if (typeof what === "object") {
      runs.get(what.run)?.abort(reason);
      return;
    }
    for (const callOff of timers.values()) callOff();
    timers.clear();
    for (const controller of runs.values()) controller.abort(reason);
    if (what === "all") for (const controller of steps.values()) controller.abort(reason);
  }

  async function discard(): Promise<void> {
    await Promise.allSettled(running);
    try {
      const { signal } = new AbortController();
      await work.discard({ ...UNWATCHED, attempt: 1, signal });
    } catch (error) {
      const { code, message } = toHoldfastError(error);
      emit("notice", { code, detail: `what was transferred could not be removed: ${message}` });
    }
    dispatch({ type: "ended" });
  }

  async function finish(
    end: Extract<TransferState, { file: unknown } | { error: unknown }>,
  ): Promise<void> {
    stop("all");
    await Promise.allSettled(running);
    teller.settle();
    await Promise.allSettled([work.close()]);
    if (end.phase === "complete") return resolve(teller.resultOf(end.file));
    if (end.phase === "failed") emit("error", end.error);
    reject(end.error);
  }

  // Whoever started us puts listeners on before anything happens.
  queueMicrotask(() => {
    emit("state", nameOf(first.state.phase));
    if ("live" in state) for (const effect of first.effects) perform(effect);
  });
  return {
    async pause() {
      dispatch({ type: "pause" });
      await work.rest(Promise.allSettled(moving));
    },
    resume: () => dispatch({ type: "resume" }),
    abort: () => dispatch({ type: "abort" }),
    hint: () => dispatch({ type: "hinted" }),
    on,
    done: promise,
    get state() {
      return nameOf(state.phase);
    },
  };
}
