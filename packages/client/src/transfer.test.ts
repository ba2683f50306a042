import {
  addPart,
  countParts,
  createPartSet,
  type ErrorCode,
  HoldfastError,
  hasPart,
  KIB,
  MIB,
  type PartSet,
} from "@holdfast/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { committedBytes } from "./schedule.ts";
import type { Answer, Effect, Finished, Next, TransferEvent, TransferState } from "./state.ts";
import { begin, PAUSE_MS, reduce } from "./transfer.ts";
import { BAD_PART_MAX } from "./transfer-runs.ts";

const FILE: Finished = { id: "f", url: "u", size: 0, root: "r" };

type Occurrence = TransferEvent extends infer One
  ? One extends TransferEvent
    ? Omit<One, "at" | "chance"> & { at?: number }
    : never
  : never;

/** A transfer under test: keeps what is under way, so that a test can say how it ends. */
function start(parts = 20, giveUpMs?: number) {
  const grid = { size: parts * MIB - 5, partSize: MIB };
  let now: Next = begin({ inFlight: 4, ...(giveUpMs === undefined ? {} : { giveUpMs }) }, 0);
  const log: Effect[] = [...now.effects];
  let clock = 0;
  const take = (event: Occurrence) => {
    now = reduce(now.state, { at: clock, chance: 1, ...event });
    log.push(...now.effects);
    return now.effects;
  };
  const pending = () => ("pending" in now.state && now.state.pending?.id) || 0;
  const flights = () => ("live" in now.state && now.state.live.plan?.flights) || [];
  const open = (...committed: number[]): Extract<Answer, { kind: "open" }> => ({
    kind: "open",
    grid,
    runPartsMax: 64,
    committed: setOf(parts, committed),
    offset: 0,
  });
  return {
    log,
    take,
    pending,
    flights,
    open,
    state: () => now.state,
    phase: () => now.state.phase,
    plan: () => ("live" in now.state ? now.state.live.plan : undefined),
    line: () => ("live" in now.state ? now.state.live.plan?.line : undefined),
    committed: () => ("live" in now.state ? now.state.live.plan?.committed : undefined),
    opened: (isResumed: boolean) => take({ type: "opened", id: pending(), isResumed }),
    answer: (answer: Answer) => take({ type: "answered", id: pending(), answer }),
    stepFails: (code: ErrorCode, details = {}, at = 0) =>
      take({ type: "stepFailed", id: pending(), error: errorOf(code, details), at }),
    runFails: (code: ErrorCode, details = {}, { at = 0, hasMoved = false } = {}) => {
      const run = flights()[0]?.run ?? 0;
      return take({ type: "runFailed", run, error: errorOf(code, details), hasMoved, at });
    },
    runDone(ms = 100) {
      clock += ms;
      return take({ type: "runDone", run: flights()[0]?.run ?? 0, ms });
    },
    timer: () =>
      take({ type: "timer", timer: now.state.phase === "waiting" ? now.state.timer : 0 }),
    /** A new upload that is being sent. */
    sending(...committed: number[]) {
      take({ type: "opened", id: pending(), isResumed: false });
      return take({ type: "answered", id: pending(), answer: open(...committed) });
    },
  };
}

function setOf(parts: number, indexes: readonly number[]): PartSet {
  const set = createPartSet(parts);
  for (const index of indexes) addPart(set, index);
  return set;
}

function errorOf(code: ErrorCode, details: Record<string, unknown> = {}): HoldfastError {
  return new HoldfastError(code, undefined, details);
}

const types = (effects: readonly Effect[]) =>
  effects.map((effect) => (effect.type === "step" ? effect.step : effect.type));

describe("an upload", () => {
  it("opens, creates, sends, completes", () => {
    const one = start(20);
    expect([one.phase(), types(one.log)]).toEqual(["opening", ["open"]]);
    expect(types(one.opened(false))).toEqual(["create"]);
    expect(one.phase()).toBe("creating");
    expect(types(one.answer(one.open()))).toEqual(["move"]);
    while (one.flights().length > 0) one.runDone();
    expect(one.phase()).toBe("completing");
    expect(types(one.log).slice(-2)).toEqual(["complete", "remember"]);
    expect(types(one.answer({ kind: "complete", file: FILE }))).toEqual([]);
    expect(one.state()).toEqual({ phase: "complete", file: FILE });
  });

  it("asks what is committed first where it goes on", () => {
    const one = start(20);
    expect(types(one.opened(true))).toEqual(["check"]);
    one.answer(one.open(0, 1, 2));
    expect(one.flights()[0]?.range).toEqual([3, 4]);
  });

  it("of nothing is complete with its creation", () => {
    const one = start();
    one.opened(false);
    one.answer({ kind: "complete", file: FILE });
    expect(one.phase()).toBe("complete");
  });

  it("waits while the server completes", () => {
    const one = start(1);
    one.sending(0);
    expect(one.phase()).toBe("completing");
    expect(one.answer({ kind: "completing" })).toEqual([{ type: "wait", timer: 4, ms: 500 }]);
    expect(types(one.timer())).toEqual(["check"]);
    one.answer({ kind: "complete", file: FILE });
    expect(one.phase()).toBe("complete");
  });

  it("sends what the server withdrew", () => {
    const one = start(2);
    one.sending(0, 1);
    one.stepFails("parts_missing");
    one.timer();
    one.answer(one.open(1));
    expect(one.flights().map(({ range }) => range)).toEqual([[0, 1]]);
  });
});

describe("a run that a store has taken", () => {
  /** The first run is placed, and another one goes in its stead. */
  function placing(parts = 20) {
    const one = start(parts);
    one.sending();
    const run = one.flights()[0]?.run ?? 0;
    const effects = one.take({ type: "runPlaced", run, ms: 100, at: 100 });
    return { one, run, effects, plan: one.plan };
  }

  it("leaves the line to others, and its parts to nobody", () => {
    const { one, run, effects, plan } = placing();
    expect(types(effects)).toContain("move");
    expect(plan()?.placed.map(({ range }) => range)).toEqual([[0, 1]]);
    expect(one.flights().every(({ range: [from] }) => from > 0)).toBe(true);
    expect(countParts(plan()?.committed ?? setOf(1, []))).toBe(0);
    // What it taught of the line is not learned twice.
    const line = one.line();
    one.take({ type: "runDone", run, ms: 5_000, at: 5_000 });
    expect(one.line()).toBe(line);
    expect(plan()?.placed).toEqual([]);
    expect(hasPart(plan()?.committed ?? setOf(1, []), 0)).toBe(true);
  });

  it("teaches nothing of the line where nothing had to be sent", () => {
    const one = start();
    one.sending();
    const line = one.line();
    one.take({ type: "runPlaced", run: one.flights()[0]?.run ?? 0, ms: undefined });
    expect(one.line()).toBe(line);
  });

  it("is waited for before the end", () => {
    const { one, run } = placing(1);
    expect([one.phase(), one.flights()]).toEqual(["sending", []]);
    expect(types(one.take({ type: "runDone", run, ms: 100 }))).toContain("complete");
  });

  it("stops nobody else where the server does not answer for it, and is looked into", () => {
    const { one, run, plan } = placing();
    const others = one.flights().length;
    const error = errorOf("connection_failed", { refused: true });
    one.take({ type: "runFailed", run, error, hasMoved: true });
    expect(one.phase()).toBe("waiting");
    expect([plan()?.doubtful, plan()?.placed]).toEqual([[[0, 1]], []]);
    expect(one.line()?.cuts).toBe(0);
    one.runDone();
    expect(one.flights()).toHaveLength(others);
    expect(types(one.timer())).toEqual(["check"]);
    one.answer(one.open(...[...Array(20).keys()].slice(1, 3)));
    expect(plan()?.doubtful).toEqual([]);
  });

  it("is given its time to be committed where somebody pauses", () => {
    const { one, run } = placing(1);
    const effects = one.take({ type: "pause" });
    expect(effects).toMatchObject([{ type: "wait", ms: PAUSE_MS }, { type: "remember" }]);
    one.take({ type: "runDone", run, ms: 100 });
    expect([one.phase(), one.committed()?.bits]).toEqual(["paused", Uint8Array.of(1)]);
  });
});

describe("a cut", () => {
  it("waits, asks once, and plans by what the server has", () => {
    const one = start(40);
    one.sending();
    one.runDone();
    expect(types(one.runFails("connection_failed"))).toEqual(["report", "wait"]);
    expect(types(one.runFails("connection_failed"))).toEqual([]);
    expect(types(one.timer())).toEqual(["check"]);
    const [first] = one.flights();
    one.answer(one.open(0, 1, 2));
    expect(one.phase()).toBe("sending");
    expect(one.flights()).toContain(first);
    expect(one.flights().some(({ range }) => range[0] === 3)).toBe(true);
  });

  it("of one connection stops none of the others, and what became of its parts is asked first", () => {
    const one = start(40);
    one.sending();
    one.runDone();
    const [cut] = one.flights();
    const effects = one.runFails("connection_failed", {}, { hasMoved: true });
    expect(types(effects)).toEqual(["report", "wait", "move"]);
    expect(one.phase()).toBe("waiting");
    expect(types(one.runDone())).toEqual(["move"]);
    one.timer();
    expect(types(one.runDone())).toEqual(["move"]);
    const sent = one.flights().map(({ range }) => range[0]);
    expect(sent).not.toContain(cut?.range[0]);
    one.answer(one.open(0));
    one.runDone();
    expect(one.flights().map(({ range }) => range[0])).toContain(cut?.range[0]);
  });

  it("of all of them, or a server that is away, lets nothing more be sent before the status is known", () => {
    const one = start(40);
    one.sending();
    one.runDone();
    one.runFails("connection_failed", { refused: true });
    expect(types(one.runDone())).toEqual([]);
    one.timer();
    expect(types(one.runDone())).toEqual([]);
    const busy = start(40);
    busy.sending();
    busy.runDone();
    busy.runFails("connection_failed", {}, { hasMoved: true });
    busy.timer();
    busy.stepFails("shutting_down", { status: 503, retryAfterMs: 5000 });
    expect(types(busy.runDone())).toEqual([]);
  });

  it("counts what committed while the status was on its way", () => {
    const one = start(40);
    one.sending();
    one.runDone();
    one.runFails("connection_failed");
    one.timer();
    const range = one.flights()[0]?.range ?? [0, 0];
    one.runDone();
    one.answer(one.open());
    const committed = one.committed();
    expect(committed && hasPart(committed, range[0])).toBe(true);
  });

  it("asks again where a run failed while the status was on its way", () => {
    const one = start(40);
    one.sending();
    one.runDone();
    one.runFails("connection_failed");
    one.timer();
    one.runFails("connection_failed");
    expect(types(one.answer(one.open()))).toEqual(["check"]);
    expect(types(one.answer(one.open()))).toEqual(["move", "move"]);
  });

  it("counts troubles since the last progress", () => {
    const one = start(40);
    one.sending();
    one.runDone();
    const report = () => one.log.filter((effect) => effect.type === "report").at(-1);
    one.runFails("internal", { status: 500 });
    expect(report()).toMatchObject({ trouble: { code: "internal", attempt: 1, waitMs: 200 } });
    one.timer();
    one.stepFails("internal", { status: 500 });
    expect(report()).toMatchObject({ trouble: { attempt: 2, waitMs: 400 } });
    one.runDone();
    one.timer();
    one.stepFails("internal", { status: 500 });
    expect(report()).toMatchObject({ trouble: { attempt: 1, waitMs: 200 } });
  });

  it("gives up only where told to, after that long without progress", () => {
    const patient = start(20);
    patient.sending();
    patient.runFails("connection_failed", { refused: true });
    patient.timer();
    patient.stepFails("connection_failed", { refused: true }, 1e12);
    expect(patient.phase()).toBe("waiting");

    const hasty = start(20, 60_000);
    hasty.sending();
    hasty.runFails("connection_failed", { refused: true });
    hasty.timer();
    expect(hasty.stepFails("connection_failed", { refused: true }, 59_900)[1]).toMatchObject({
      ms: 100,
    });
    hasty.timer();
    hasty.stepFails("connection_failed", {}, 60_000);
    expect(hasty.state()).toMatchObject({ phase: "failed", error: { code: "gave_up" } });
  });

  it("is patient from when it has opened: before, it waited for others", () => {
    const one = start(20, 60_000);
    one.take({ type: "opened", id: one.pending(), isResumed: false, at: 3_600_000 });
    one.stepFails("connection_failed", {}, 3_600_100);
    expect(one.phase()).toBe("waiting");
  });
});

describe("a run that takes longer than the time to give up", () => {
  it("is no reason to give up while parts of it are committed", () => {
    const one = start(20, 60_000);
    one.sending();
    for (let part = 1; part <= 10; part++) {
      const at = part * 50_000;
      one.runFails("connection_failed", {}, { at, hasMoved: true });
      expect(one.phase()).toBe("waiting");
      one.timer();
      const committed = Array.from({ length: part }, (_, index) => index);
      one.take({ type: "answered", id: one.pending(), answer: one.open(...committed), at });
      expect(one.state()).toMatchObject({ live: { attempt: 0, progressAt: at } });
    }
  });

  it("is asked about once before the transfer gives up, if bytes moved", () => {
    const one = start(20, 60_000);
    one.sending();
    expect(one.runFails("connection_failed", {}, { at: 90_000, hasMoved: true })[1]).toMatchObject({
      ms: 0,
    });
    one.timer();
    one.take({ type: "answered", id: one.pending(), answer: one.open(), at: 90_000 });
    one.runFails("connection_failed", {}, { at: 90_001, hasMoved: true });
    expect(one.state()).toMatchObject({ phase: "failed", error: { code: "gave_up" } });
    const still = start(20, 60_000);
    still.sending();
    still.runFails("stalled", {}, { at: 90_000 });
    expect(still.phase()).toBe("failed");
  });
});

describe("what the line teaches", () => {
  it("sends as before after a cut, which it counts, but not after a connection that was refused", () => {
    const one = start(1000);
    one.sending();
    for (let run = 0; run < 30; run++) one.runDone();
    const before = { inFlight: one.line()?.inFlight, runParts: one.line()?.runParts };
    one.runFails("connection_failed", { refused: true });
    expect(one.line()).toMatchObject({ ...before, cuts: 0 });
    one.timer();
    one.answer(one.open());
    one.runFails("connection_failed", {}, { hasMoved: true });
    one.runFails("connection_failed", {}, { hasMoved: true });
    expect(one.line()).toMatchObject({ ...before, cuts: 1 });
  });

  it("sends fewer at once after 503, and shorter runs too after a stall", () => {
    const grown = () => {
      const one = start(1000);
      one.sending();
      for (let run = 0; run < 30; run++) one.runDone();
      return { one, inFlight: one.line()?.inFlight ?? 0, runParts: one.line()?.runParts ?? 0 };
    };
    const busy = grown();
    busy.one.runFails("shutting_down", { status: 503, retryAfterMs: 1000 });
    busy.one.runFails("shutting_down", { status: 503 });
    expect(busy.one.line()).toMatchObject({ inFlight: busy.inFlight >> 1 });
    const slow = grown();
    slow.one.runFails("stalled", { silentMs: 0 }, { at: 1e6 });
    expect(slow.one.line()).toMatchObject({
      inFlight: slow.inFlight >> 1,
      runParts: slow.runParts >> 1,
    });
  });

  it("takes a connection that froze for a cut one where others went on meanwhile", () => {
    const one = start(1000);
    one.sending();
    one.runDone();
    const inFlight = one.line()?.inFlight;
    one.runFails("stalled", { silentMs: 5000 }, { at: 3000, hasMoved: true });
    expect(one.line()).toMatchObject({ inFlight, cuts: 1 });
  });

  it("sends single parts once a proxy refused more, and fails where even one of what is committed is too large", () => {
    const one = start(1000);
    one.sending();
    for (let run = 0; run < 16; run++) one.runDone();
    while (one.flights().length > 0) one.runFails("not_holdfast", { status: 413 });
    expect(one.phase()).toBe("waiting");
    one.timer();
    one.answer(one.open(0, 1, 2));
    expect(one.flights().map(({ range }) => range[1] - range[0])).toEqual([1, 1, 1, 1]);
    one.runFails("not_holdfast", { status: 413 });
    expect(one.state()).toMatchObject({
      phase: "failed",
      error: { code: "request_too_large", details: { limit: MIB } },
    });
  });

  it("tries one longer body where a limit is old, and stays at what went through when that is refused", () => {
    const one = start(1000);
    const known = {
      inFlight: 4,
      rate: 1e7,
      bodyMax: MIB,
      bodyRefusedAt: 1,
      mayTryLonger: true,
    } as const;
    one.take({ type: "opened", id: one.pending(), isResumed: false, known });
    one.answer(one.open());
    const lengths = () => one.flights().map(({ range }) => range[1] - range[0]);
    expect(lengths()).toEqual([2, 1, 1, 1]);
    one.runDone();
    // The next try is made when runs of two have shown that the line carries them in good time.
    while (Math.max(...lengths()) < 4) one.runDone();
    expect(lengths().filter((parts) => parts === 4)).toHaveLength(1);
    const run = one.flights().find(({ range: [from, to] }) => to - from === 4)?.run ?? 0;
    const error = errorOf("not_holdfast", { status: 413 });
    one.take({ type: "runFailed", run, error, hasMoved: true });
    one.timer();
    one.answer(one.open(0, 1));
    while (one.phase() === "sending") {
      expect(Math.max(...lengths())).toBeLessThanOrEqual(2);
      one.runDone(1000);
    }
    const remembered = one.log.filter((effect) => effect.type === "remember");
    expect(remembered.at(-1)?.known).toMatchObject({ bodyMax: 2 * MIB });
    expect(remembered.at(-1)?.known).not.toHaveProperty("bodyRefusedAt");
  });

  it("tries no longer body where the line's pace asks for shorter ones", () => {
    const one = start(1000);
    const known = { inFlight: 4, rate: 2 * MIB, bodyMax: 8 * MIB, mayTryLonger: true } as const;
    one.take({ type: "opened", id: one.pending(), isResumed: false, known });
    one.answer(one.open());
    for (let runs = 0; runs < 20; runs++) {
      const lengths = one.flights().map(({ range }) => range[1] - range[0]);
      expect(Math.max(...lengths)).toBeLessThan(8);
      // Half a MiB a second and connection.
      one.runDone(2000 * (lengths[0] ?? 0));
    }
  });

  it("sends longer runs once parts go another way that takes them", () => {
    const one = start(1000);
    one.take({ type: "opened", id: one.pending(), isResumed: false });
    one.answer({ ...one.open(), runPartsMax: 1 });
    const lengths = () => one.flights().map(({ range }) => range[1] - range[0]);
    for (let runs = 0; runs < 12; runs++) one.runDone();
    expect(Math.max(...lengths())).toBe(1);
    one.runFails("not_holdfast");
    while (one.flights().length > 0) one.runFails("not_holdfast");
    one.timer();
    one.answer(one.open(...Array.from({ length: 12 }, (_, index) => index)));
    for (let runs = 0; runs < 12; runs++) one.runDone();
    expect(Math.max(...lengths())).toBeGreaterThan(1);
  });

  it("fails where a storage has no smaller parts, instead of beginning anew for ever", () => {
    const one = start(1000);
    one.sending();
    one.runFails("not_holdfast", { status: 413 });
    one.answer(one.open());
    one.runFails("not_holdfast", { status: 413 });
    expect(one.state()).toMatchObject({ phase: "failed", error: { code: "request_too_large" } });
  });

  it("begins anew with the smallest parts where a proxy takes none of the first", () => {
    const one = start(1000);
    one.sending();
    const effects = one.runFails("not_holdfast", { status: 413 });
    expect(effects).toMatchObject([
      { type: "stop", what: "runs" },
      { type: "notice", code: "request_too_large" },
      { type: "step", step: "create", partSizeMax: 256 * KIB },
    ]);
    const small = { size: 100 * MIB, partSize: 256 * KIB };
    const committed = createPartSet(400);
    one.answer({ kind: "open", grid: small, committed, runPartsMax: 64, offset: 0 });
    one.runFails("not_holdfast", { status: 413 });
    expect(one.state()).toMatchObject({
      phase: "failed",
      error: { code: "request_too_large", details: { limit: 256 * KIB } },
    });
  });

  it("remembers what the line was like when it is paused, given up or done", () => {
    const remembered = (one: ReturnType<typeof start>) =>
      one.log.flatMap((effect) => (effect.type === "remember" ? [effect.known] : []));
    const paused = start(1000);
    paused.sending();
    for (let run = 0; run < 20; run++) paused.runDone();
    paused.take({ type: "pause" });
    expect(remembered(paused)).toMatchObject([{ inFlight: paused.line()?.inFlight }]);
    const done = start(60);
    done.sending();
    while (done.flights().length > 0) done.runDone();
    expect(remembered(done).length).toBe(1);
    const nothing = start(3);
    nothing.sending();
    nothing.take({ type: "pause" });
    expect(remembered(nothing)).toEqual([]);
  });

  it("goes by what is remembered", () => {
    const one = start(1000);
    const known = { inFlight: 3, rate: 70 * MIB };
    one.take({ type: "opened", id: one.pending(), isResumed: false, known });
    one.answer(one.open());
    expect(one.flights().length).toBe(3);
    expect(one.line()?.runParts).toBeGreaterThan(1);
  });

  it("appends on a line that is too slow for parts, from where the server is, and never again where the method is refused", () => {
    const one = start(100);
    const known = { inFlight: 1, rate: 50_000 };
    const moves = () => one.log.filter((effect) => effect.type === "move");
    one.take({ type: "opened", id: one.pending(), isResumed: false, known });
    one.answer({ ...one.open(), offset: 5 });
    expect(moves()).toMatchObject([{ range: [0, 1], from: 5 }]);
    one.runFails("offset_mismatch", { status: 409 });
    one.timer();
    one.answer({ ...one.open(0, 2), offset: MIB + 7 });
    expect(moves().at(-1)).toMatchObject({ range: [1, 2], from: MIB + 7 });
    one.runDone(20_000);
    expect(moves().at(-1)).toMatchObject({ range: [3, 4], from: 3 * MIB });
    expect(types(one.runFails("not_holdfast", { status: 501 }))).toEqual(["check"]);
    one.answer({ ...one.open(0, 1, 2), offset: 3 * MIB });
    expect(moves().at(-1)).not.toHaveProperty("from");
  });

  it("sends the rest of a last run again that holds up the end, in shorter ones, and only so often", () => {
    const one = start(100);
    one.sending();
    for (let run = 0; run < 8; run++) one.runDone();
    while (one.flights().length > 1) one.runDone();
    const [last] = one.flights();
    const waits = () => one.log.flatMap((effect) => (effect.type === "wait" ? [effect] : []));
    const wait = waits().at(-1);
    expect(wait?.ms).toBeGreaterThan(0);
    const at = (last?.startedAt ?? 0) + 1e6;
    expect(one.take({ type: "timer", timer: wait?.timer ?? 0, at })).toEqual([
      { type: "stop", what: { run: last?.run } },
    ]);
    expect(types(one.take({ type: "runStopped", run: last?.run ?? 0, at }))).toEqual(["check"]);
    const [start_ = 0, end_ = 0] = last?.range ?? [];
    const all = Array.from({ length: 100 }, (_, index) => index);
    one.answer(one.open(...all.filter((index) => index < start_ || index >= end_)));
    expect(one.flights().length).toBe(Math.min(end_ - start_, one.line()?.inFlight ?? 0));
  });

  it("sends nothing again where a quick line waits for one slow flush", () => {
    const one = start(100);
    one.sending();
    for (let run = 0; run < 8; run++) one.runDone();
    while (one.flights().length > 1) one.runDone();
    const [last] = one.flights();
    const timer = () =>
      one.log.flatMap((effect) => (effect.type === "wait" ? [effect] : [])).at(-1);
    const at = (last?.startedAt ?? 0) + 700;
    const stops = () => one.log.filter(({ type }) => type === "stop");
    one.take({ type: "timer", timer: timer()?.timer ?? 0, at });
    expect(stops()).toEqual([]);
    one.take({ type: "runDone", run: last?.run ?? 0, ms: 700, at });
    expect(types(one.log).slice(-2)).toEqual(["complete", "remember"]);
  });

  it("does not look at last runs before it knows what is late", () => {
    const one = start(2);
    one.sending();
    const waits = () => one.log.flatMap((effect) => (effect.type === "wait" ? [effect.ms] : []));
    const before = waits().length;
    one.runDone();
    expect(waits().length).toBe(before);
    expect(waits().every(Number.isFinite)).toBe(true);
  });

  it("sends a bad part again a bounded number of times", () => {
    const one = start(4);
    one.sending();
    for (let times = 1; times < BAD_PART_MAX; times++) {
      one.runFails("digest_mismatch", { index: 0 });
      expect(one.phase()).toBe("waiting");
      one.timer();
      one.answer(one.open());
    }
    one.runFails("digest_mismatch", { index: 0 });
    expect(one.state()).toMatchObject({ phase: "failed", error: { code: "digest_mismatch" } });
  });
});

describe("an upload that cannot go on", () => {
  it.each<ErrorCode>(["upload_not_found", "upload_ended"])(
    "is begun anew where it was resumed and is gone: %s",
    (code) => {
      const early = start();
      early.opened(true);
      expect(types(early.stepFails(code))).toEqual(["stop", "notice", "create"]);
      early.stepFails(code);
      expect(early.phase()).toBe("failed");

      const late = start();
      late.opened(true);
      late.answer(late.open());
      expect(types(late.runFails(code))).toEqual(["stop", "notice", "create"]);
      expect(late.flights()).toEqual([]);
    },
  );

  it("fails where it was begun by this transfer and somebody ended it", () => {
    const one = start();
    one.sending();
    one.runFails("upload_ended");
    expect(one.state()).toMatchObject({ phase: "failed", error: { code: "upload_ended" } });
  });

  it("is begun anew where the source is another one now", () => {
    const one = start();
    one.opened(true);
    const effects = one.answer({ kind: "unusable" });
    expect(types(effects)).toEqual(["stop", "notice", "create"]);
    expect(effects[1]).toMatchObject({ code: "source_changed" });
  });

  it.each<ErrorCode>(["source_changed", "part_conflict"])(
    "is removed where the source changed under it: %s",
    (code) => {
      const one = start();
      one.sending();
      expect(types(one.runFails(code))).toEqual(["stop", "discard"]);
      expect(one.phase()).toBe("ending");
      one.take({ type: "ended" });
      expect(one.state()).toMatchObject({ phase: "failed", error: { code: "source_changed" } });
    },
  );

  it("is removed where the source changed before complete", () => {
    const one = start(1);
    one.sending(0);
    expect(types(one.stepFails("source_changed"))).toEqual(["stop", "discard"]);
  });

  it.each<ErrorCode>(["source_unreadable", "forbidden", "unauthorized", "size_too_large"])(
    "fails at once and stays on the server: %s",
    (code) => {
      const one = start();
      one.sending();
      expect(types(one.runFails(code))).toEqual(["stop"]);
      expect(one.phase()).toBe("failed");
    },
  );

  it("fails where it cannot be opened", () => {
    const one = start();
    one.stepFails("connection_failed");
    expect(one.phase()).toBe("failed");
  });
});

describe("a person", () => {
  it("pauses and resumes while runs are in flight", () => {
    const one = start(40);
    one.sending();
    expect(one.take({ type: "pause" })).toEqual([{ type: "stop", what: "runs" }]);
    expect(one.take({ type: "pause" })).toEqual([]);
    one.runDone();
    for (const { run } of one.flights()) one.take({ type: "runStopped", run });
    expect([one.phase(), one.flights()]).toEqual(["paused", []]);
    expect(types(one.take({ type: "resume" }))).toEqual(["check"]);
    one.answer(one.open(0, 1, 2, 3, 4, 5, 6, 7));
    expect(one.phase()).toBe("sending");
  });

  it.each<[string, (one: ReturnType<typeof start>) => void, string]>([
    ["opening", () => undefined, "opening"],
    ["creating", (one) => void one.opened(false), "creating"],
    ["checking", (one) => void one.opened(true), "checking"],
    ["completing", (one) => void one.sending(...Array(20).keys()), "completing"],
  ])("pauses while %s without losing the answer", (_, arrive, phase) => {
    const one = start(20);
    arrive(one);
    one.take({ type: "pause" });
    expect(one.take({ type: "resume" })).toEqual([]);
    expect(one.phase()).toBe(phase);
  });

  it("finds what was answered during the pause", () => {
    const opening = start();
    opening.take({ type: "pause" });
    opening.opened(false);
    expect(types(opening.take({ type: "resume" }))).toEqual(["create"]);

    const creating = start();
    creating.opened(false);
    creating.take({ type: "pause" });
    creating.answer(creating.open());
    expect(creating.phase()).toBe("paused");
    expect(types(creating.take({ type: "resume" }))).toEqual(["check"]);

    const failing = start();
    failing.opened(false);
    failing.take({ type: "pause" });
    failing.stepFails("connection_failed");
    expect(failing.phase()).toBe("paused");
    expect(types(failing.take({ type: "resume" }))).toEqual(["create"]);

    const completing = start(1);
    completing.sending(0);
    completing.take({ type: "pause" });
    completing.answer({ kind: "completing" });
    expect(completing.phase()).toBe("paused");

    const gone = start();
    gone.opened(true);
    gone.take({ type: "pause" });
    gone.stepFails("upload_not_found");
    expect(types(gone.take({ type: "resume" }))).toEqual(["create"]);

    const changed = start();
    changed.opened(true);
    changed.take({ type: "pause" });
    changed.answer({ kind: "unusable" });
    expect(types(changed.take({ type: "resume" }))).toEqual(["create"]);
  });

  it("lets runs end that are nearly through, for two seconds at most", () => {
    const begun = () => {
      const one = start(1000);
      one.sending();
      for (let run = 0; run < 30; run++) one.runDone(4000);
      const [first] = one.flights();
      for (const { run } of one.flights()) one.take({ type: "runBegins", run });
      return { one, first: first?.run ?? 0, others: one.flights().slice(1) };
    };
    // Just begun, a run of some seconds is stopped.
    const { one: soon } = begun();
    expect(types(soon.take({ type: "pause" }))).toEqual(["stop", "remember"]);

    const { one, first, others } = begun();
    one.take({ type: "runBegins", run: first, at: -1e6 });
    const effects = one.take({ type: "pause" });
    const stops = effects.filter((effect) => effect.type === "stop");
    expect(stops.map(({ what }) => what)).toEqual(others.map(({ run }) => ({ run })));
    const wake = effects.find((effect) => effect.type === "wait");
    expect(wake?.ms).toBe(PAUSE_MS);
    for (const { run } of others) one.take({ type: "runStopped", run });
    const before = countParts(one.committed() ?? createPartSet(0));
    one.take({ type: "runDone", run: first, ms: 1000 });
    expect([one.phase(), one.flights()]).toEqual(["paused", []]);
    expect(countParts(one.committed() ?? createPartSet(0))).toBeGreaterThan(before);

    const { one: late, first: stuck } = begun();
    late.take({ type: "runBegins", run: stuck, at: -1e6 });
    const timer = late.take({ type: "pause" }).find((effect) => effect.type === "wait")?.timer ?? 0;
    expect(late.take({ type: "timer", timer })).toEqual([{ type: "stop", what: "runs" }]);
    expect(late.take({ type: "timer", timer })).toEqual([]);
  });

  it("notes what carries a run, whatever else is under way, and nothing of runs that are over", () => {
    const one = start(20);
    one.sending();
    one.runDone();
    const [first, second] = one.flights();
    const connected = (run = 0) =>
      one.take({ type: "runConnected", run, connection: "reused" as const });
    connected(first?.run);
    one.take({ type: "pause" });
    connected(second?.run);
    connected(1e6);
    expect(one.flights().map(({ connection }) => connection)).toEqual([
      "reused",
      "reused",
      ...one
        .flights()
        .slice(2)
        .map(() => undefined),
    ]);
  });

  it("resumes before the runs have stopped", () => {
    const one = start(8);
    one.sending();
    one.runDone();
    one.take({ type: "pause" });
    one.take({ type: "resume" });
    one.answer(one.open());
    expect(one.phase()).toBe("sending");
    for (const { run } of one.flights()) one.take({ type: "runStopped", run });
    expect([one.phase(), one.flights()]).toEqual(["checking", []]);
    // The status was asked for before the last of them stopped.
    expect(types(one.answer(one.open()))).toEqual(["check"]);
    one.answer(one.open());
    expect(one.flights().length).toBeGreaterThan(0);
  });

  it("does not count a pause as time without progress", () => {
    const one = start(20, 1_000);
    one.sending();
    one.take({ type: "pause" });
    one.take({ type: "resume", at: 1e9 });
    one.stepFails("connection_failed", {}, 1e9 + 1);
    expect(one.phase()).toBe("waiting");
  });

  it("aborts: everything stops, what there is is removed, then it is over", () => {
    const one = start();
    one.sending();
    expect(types(one.take({ type: "abort" }))).toEqual(["stop", "discard"]);
    expect(one.take({ type: "abort" })).toEqual([]);
    expect(one.phase()).toBe("ending");
    one.take({ type: "ended" });
    expect(one.state()).toMatchObject({ phase: "aborted", error: { code: "aborted" } });
  });
});

describe("any sequence of events", () => {
  const codes = fc.constantFrom<ErrorCode>(
    "connection_failed",
    "stalled",
    "internal",
    "part_busy",
    "shutting_down",
    "not_holdfast",
    "digest_mismatch",
    "parts_missing",
    "upload_not_open",
  );
  const rareCodes = fc.constantFrom<ErrorCode>(
    "upload_not_found",
    "source_changed",
    "part_conflict",
    "forbidden",
    "unauthorized",
    "root_mismatch",
  );
  const moves = fc.record({
    what: fc.nat({ max: 99 }),
    which: fc.nat({ max: 7 }),
    code: fc.oneof({ weight: 9, arbitrary: codes }, { weight: 1, arbitrary: rareCodes }),
    chance: fc.double({ min: 0, max: 1, noNaN: true }),
    status: fc.constantFrom(undefined, 413, 429, 503),
    isResumed: fc.boolean(),
  });

  /** Runs that are on the line, then those that wait for the server to find them. */
  const runsOf = (state: TransferState) => {
    const plan = "live" in state ? state.live.plan : undefined;
    return plan ? [...plan.flights, ...plan.placed] : [];
  };

  /** A world in which the server has whatever runs committed, and loses some of it now and then. */
  function play(
    parts: number,
    script: readonly (typeof moves extends fc.Arbitrary<infer M> ? M : never)[],
  ) {
    const grid = { size: parts * MIB - 7, partSize: MIB };
    const server = createPartSet(parts);
    let state: TransferState = begin({ inFlight: 4 }, 0).state;
    let at = 0;
    const accept = (event: Occurrence, chance = 0.5) => {
      const before = state;
      at += 10;
      const next = reduce(state, { at, chance, ...event });
      state = next.state;
      check(before, next);
    };
    const check = (before: TransferState, next: Next) => {
      if (["complete", "failed", "aborted"].includes(before.phase)) {
        expect(next).toEqual({ state: before, effects: [] });
      }
      if (!("live" in next.state)) return;
      const { plan } = next.state.live;
      if (plan) {
        expect(committedBytes(grid, plan.committed)).toBeLessThanOrEqual(grid.size);
        const taken = [...plan.flights, ...plan.placed].flatMap(({ range: [start, end] }) =>
          Array.from({ length: end - start }, (_, offset) => start + offset),
        );
        expect(new Set(taken).size).toBe(taken.length);
        expect(plan.flights.length).toBeLessThanOrEqual(plan.line.bounds.inFlightMax);
      }
      for (const effect of next.effects) {
        if (effect.type === "move")
          expect(["sending", "waiting", "checking"]).toContain(next.state.phase);
      }
      // Something is always under way that will bring the next event, but in a pause.
      const { phase } = next.state;
      if (phase === "sending") expect(runsOf(next.state).length).toBeGreaterThan(0);
      else if (phase !== "waiting" && phase !== "paused") expect(next.state.pending).toBeDefined();
    };
    const commit = (run: number) => {
      const range = runsOf(state).find((flight) => flight.run === run)?.range ?? [0, 0];
      for (let index = range[0]; index < range[1]; index++) addPart(server, index);
    };
    const answerStep = (isResumed: boolean) => {
      if (!("pending" in state) || !state.pending) return;
      const { id, step } = state.pending;
      if (step === "open") return accept({ type: "opened", id, isResumed });
      const isWhole = committedBytes(grid, server) === grid.size;
      if (step === "complete" && isWhole) {
        return accept({ type: "answered", id, answer: { kind: "complete", file: FILE } });
      }
      if (step === "complete")
        return accept({ type: "stepFailed", id, error: errorOf("parts_missing") });
      const committed = createPartSet(parts, server.bits);
      accept({
        type: "answered",
        id,
        answer: { kind: "open", grid, committed, runPartsMax: 64, offset: 0 },
      });
    };
    const flightAt = (which: number) => {
      const flights = runsOf(state);
      return flights[which % Math.max(1, flights.length)]?.run ?? which;
    };
    for (const { what, which, code, chance, status, isResumed } of script) {
      const error = errorOf(code, { status: status ?? 500, index: which });
      if (what < 25) answerStep(isResumed);
      else if (what < 30 && "pending" in state && state.pending) {
        accept({ type: "stepFailed", id: state.pending.id, error }, chance);
      } else if (what < 45) {
        accept({ type: "runPlaced", run: flightAt(which), ms: chance < 0.9 ? which : undefined });
      } else if (what < 55) {
        commit(flightAt(which));
        accept({ type: "runDone", run: flightAt(which), ms: which });
      } else if (what < 65) {
        if (chance < 0.5) commit(flightAt(which));
        accept({ type: "runFailed", run: flightAt(which), error, hasMoved: chance < 0.7 }, chance);
      } else if (what < 90) {
        if (state.phase === "waiting") accept({ type: "timer", timer: state.timer });
      } else if (what < 93) {
        accept({ type: "pause" });
        for (let count = 0; count < 4; count++) {
          if (chance < 0.8) accept({ type: "runStopped", run: flightAt(0) });
        }
      } else if (what < 95) accept({ type: "resume" });
      // A run that was stopped for a pause may be over only long after the pause is.
      else if (what < 97) accept({ type: "runStopped", run: flightAt(which) });
      else if (what < 98) accept({ type: "answered", id: 9_999, answer: { kind: "unusable" } });
      else if (what < 99) accept({ type: "timer", timer: 9_999 });
      else if (chance < 0.1) accept({ type: "abort" });
    }
    return {
      /** From here on all goes well: how many events until the end. */
      finish() {
        for (let count = 0; count < 50 + parts * 4; count++) {
          if (state.phase === "ending") accept({ type: "ended" });
          else if (!("live" in state)) return { phase: state.phase, server, grid };
          else if (state.phase === "paused") accept({ type: "resume" });
          else if (state.phase === "waiting") accept({ type: "timer", timer: state.timer });
          else if (state.phase === "sending") {
            commit(flightAt(0));
            accept({ type: "runDone", run: flightAt(0), ms: 10 });
          } else answerStep(false);
        }
        return { phase: "stuck" as const, server, grid };
      },
    };
  }

  it("leaves a transfer that reaches its end once all goes well, and never completes without every part", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.array(moves, { maxLength: 120 }),
        (parts, script) => {
          const { phase, server, grid } = play(parts, script).finish();
          expect(["complete", "failed", "aborted"]).toContain(phase);
          if (phase === "complete") expect(committedBytes(grid, server)).toBe(grid.size);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("a hint that the server is within reach", () => {
  it("has what waits to try do so at once, and the wait that was begun ends nothing more", () => {
    const one = start();
    one.opened(false);
    one.stepFails("connection_failed");
    const before = one.state();
    expect(types(one.take({ type: "hinted" }))).toEqual(["create"]);
    expect(one.phase()).toBe("creating");
    one.take({ type: "timer", timer: before.phase === "waiting" ? before.timer : -1 });
    expect(one.phase()).toBe("creating");
    // It was wrong: the next wait is no shorter than it would have been.
    const [, wait] = one.stepFails("connection_failed");
    expect(wait).toMatchObject({ type: "wait", ms: 400 });
  });

  it("shortens no wait that the server has asked for, and no look at what it is completing", () => {
    const busy = start();
    busy.opened(false);
    busy.stepFails("overloaded", { retryAfterMs: 5_000 });
    expect(busy.take({ type: "hinted" })).toEqual([]);
    expect(busy.phase()).toBe("waiting");
    const completing = start();
    completing.opened(true);
    completing.answer({ kind: "completing" });
    expect(completing.take({ type: "hinted" })).toEqual([]);
    expect(completing.phase()).toBe("waiting");
  });

  it("changes nothing where nothing waits", () => {
    const one = start();
    expect(one.take({ type: "hinted" })).toEqual([]);
    one.sending();
    const before = one.state();
    expect(one.take({ type: "hinted" })).toEqual([]);
    expect(one.state()).toBe(before);
    one.take({ type: "pause" });
    expect(one.take({ type: "hinted" })).toEqual([]);
    expect(one.phase()).toBe("paused");
  });
});
