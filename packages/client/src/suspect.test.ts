import { addPart, createPartSet, type Grid, KIB, MIB, type PartRange } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { faster, freshLine, slower } from "./line.ts";
import type { Flight } from "./schedule.ts";
import type { Live, Plan } from "./state.ts";
import { askAt, judgeRuns } from "./suspect.ts";
import { NO_BREAKS } from "./unheard.ts";

const GRID: Grid = { size: 100 * MIB, partSize: MIB };

/** A line on which a part takes a second beside three others, and breaks `cuts` times. */
function lineOf(cuts: number) {
  let line = freshLine({ partSize: MIB, runPartsMax: 64, inFlightMax: 4 }, 0);
  for (let run = 0; run < 8; run++)
    line = faster(line, { bytes: MIB, startedAt: run * 1000, at: (run + 1) * 1000, left: 1e9 });
  for (let cut = 0; cut < cuts; cut++) line = slower(line, "cut", 8000);
  return { ...line, inFlight: 4 };
}

const flight = (run: number, range: PartRange, more: Partial<Flight> = {}): Flight => ({
  run,
  range,
  startedAt: 10_000,
  begunAt: 10_000,
  ...more,
});

function liveWith(flights: readonly Flight[], { cuts = 2, canAsk = true, dead = 0 } = {}) {
  const plan: Plan = {
    grid: GRID,
    committed: createPartSet(100),
    flights,
    placed: [],
    line: lineOf(cuts),
    runPartsMax: 64,
    offset: 0,
    resumedBytes: 0,
    doubtful: [],
    resent: 0,
    dead,
    showsRuns: true,
    bad: new Map(),
  };
  const live: Live = {
    settings: { inFlight: 4, canAsk },
    lastId: 9,
    plan,
    isOpened: true,
    isResumed: false,
    attempt: 0,
    breaks: NO_BREAKS,
    progressAt: 0,
    look: undefined,
    ask: undefined,
    lastAsk: undefined,
    known: undefined,
    partSizeMax: undefined,
  };
  return { live, plan };
}

function had(parts: readonly number[], offset = 0) {
  const committed = createPartSet(100);
  for (const part of parts) addPart(committed, part);
  return { committed, offset };
}

const stops = ({ effects }: ReturnType<typeof judgeRuns>) =>
  effects.map((effect) => (effect.type === "stop" ? effect.what : effect.type));

describe("a run is suspected", () => {
  const run = flight(1, [0, 4]);

  it("soon on a line that breaks often, and late on one that does not", () => {
    expect(askAt(liveWith([run]).live)).toBe(11_500);
    expect(askAt(liveWith([run], { cuts: 0 }).live)).toBe(16_000);
  });

  it("soon where only the end is left to wait for", () => {
    const { live, plan } = liveWith([run], { cuts: 0 });
    const committed = createPartSet(100);
    for (let part = 4; part < 100; part++) addPart(committed, part);
    expect(askAt({ ...live, plan: { ...plan, committed } })).toBe(11_500);
  });

  it("not while it waits for its turn, nor while an answer is on its way, nor where nobody can be asked", () => {
    const { begunAt: _, ...waiting } = run;
    expect(askAt(liveWith([waiting]).live)).toBeUndefined();
    expect(askAt({ ...liveWith([run]).live, ask: { id: 3, at: 0 } })).toBeUndefined();
    expect(askAt(liveWith([run], { canAsk: false }).live)).toBeUndefined();
  });

  it("not before something new could have come since the last answer", () => {
    const heard = { bytes: MIB, at: 12_000 };
    const after = (at: number) =>
      askAt({ ...liveWith([{ ...run, heard }]).live, lastAsk: { at, ms: 100 } });
    expect(after(11_000)).toBe(13_500);
    expect(after(12_800)).toBe(14_300);
    // An append shows in smaller pieces.
    expect(askAt(liveWith([flight(1, [0, 4], { from: 5 })]).live)).toBe(10_750);
  });

  it("again as soon as the answer decides, and not at once where it has", () => {
    const heard = { bytes: MIB, at: 12_000 };
    const after = (at: number, more: Partial<Flight> = { heard }) =>
      askAt({ ...liveWith([{ ...run, ...more }]).live, lastAsk: { at, ms: 100 } });
    // Twice what would be strange, and two round trips that may be longer than the last.
    expect(after(14_000)).toBe(15_250);
    // The last one was sent a little too soon.
    expect(after(15_300)).toBe(15_300);
    expect(after(15_350)).toBe(16_850);
    // Six trips of a connection that begins, two of one that has carried others.
    expect(after(12_500, {})).toBe(13_750);
    expect(after(12_500, { connection: "made" })).toBe(13_750);
    expect(after(12_500, { connection: "reused" })).toBe(13_250);
  });

  it("no more once too many have died", () => {
    expect(askAt(liveWith([run], { dead: 5 }).live)).toBe(11_500);
    expect(askAt(liveWith([run], { dead: 6 }).live)).toBeUndefined();
  });
});

describe("a run of which nothing new has come", () => {
  const slow = flight(1, [0, 4], { heard: { bytes: MIB, at: 12_000 } });
  const other = flight(2, [4, 8], { heard: { bytes: MIB, at: 14_000 } });

  it("is ended after twice the time that would be strange, and a round trip", () => {
    const { live, plan } = liveWith([slow, other]);
    const told = had([0, 4]);
    const soon = judgeRuns(live, plan, { had: told, askedAt: 15_200, at: 15_350 });
    expect(stops(soon)).toEqual([]);
    const late = judgeRuns(live, plan, { had: told, askedAt: 15_300, at: 15_450 });
    expect(stops(late)).toEqual([{ run: 1 }]);
    expect(late.plan.flights.map(({ isEnded }) => isEnded)).toEqual([true, undefined]);
    expect([late.plan.dead, late.plan.line.cuts]).toEqual([1, plan.line.cuts + 1]);
    // A far server is given its round trips.
    const far = judgeRuns(live, plan, { had: told, askedAt: 15_300, at: 17_300 });
    expect(stops(far)).toEqual([]);
  });

  it("goes on where anything came", () => {
    const { live, plan } = liveWith([slow]);
    const judged = judgeRuns(live, plan, { had: had([0, 2]), askedAt: 60_000, at: 60_100 });
    expect(stops(judged)).toEqual([]);
    expect(judged.plan.flights[0]?.heard).toEqual({ bytes: 2 * MIB, at: 60_100 });
  });

  it("is given the time that a connection takes to begin", () => {
    const { live, plan } = liveWith([flight(1, [0, 4])]);
    const ask = (askedAt: number) =>
      stops(judgeRuns(live, plan, { had: had([]), askedAt, at: askedAt + 500 }));
    expect(ask(15_900)).toEqual([]);
    expect(ask(16_000)).toEqual([{ run: 1 }]);
  });

  it("is given no such time on a connection that carried others before", () => {
    const ended = (connection: "made" | "reused") => {
      const { live, plan } = liveWith([flight(1, [0, 4], { connection })]);
      const asked = { had: had([]), askedAt: 14_000, at: 14_500 };
      return stops(judgeRuns(live, plan, asked));
    };
    expect(ended("made")).toEqual([]);
    expect(ended("reused")).toEqual([{ run: 1 }]);
  });

  it("goes on where nothing ever showed of a run before it was whole, as behind a proxy that keeps bodies back", () => {
    const { live, plan } = liveWith([flight(1, [0, 4])]);
    const hidden = { ...plan, showsRuns: false };
    const judged = judgeRuns(live, hidden, { had: had([9]), askedAt: 60_000, at: 60_100 });
    expect([stops(judged), judged.plan.showsRuns]).toEqual([[], false]);
    // What such a proxy lets go comes part by part too, but not for long.
    const soon = judgeRuns(live, hidden, { had: had([0]), askedAt: 60_000, at: 60_100 });
    expect(soon.plan.showsRuns).toBe(false);
    const next = { had: had([0, 1]), askedAt: 61_600, at: 61_700 };
    expect(judgeRuns(live, soon.plan, next).plan.showsRuns).toBe(true);
    const at = { askedAt: 80_000, at: 80_100 };
    expect(stops(judgeRuns(live, soon.plan, { had: had([0]), ...at }))).toEqual([{ run: 1 }]);
    const whole = judgeRuns(live, hidden, { had: had([0, 1, 2, 3]), askedAt: 1, at: 2 });
    expect(whole.plan.showsRuns).toBe(false);
  });

  it("counts by itself against what may be lost, also where all freeze together", () => {
    const { live, plan } = liveWith([slow, other]);
    const judged = judgeRuns(live, plan, { had: had([0, 4]), askedAt: 60_000, at: 60_100 });
    expect(stops(judged)).toEqual([{ run: 1 }, { run: 2 }]);
    expect([judged.plan.dead, judged.plan.line.cuts]).toEqual([2, plan.line.cuts + 1]);
  });

  it("is ended once", () => {
    const { live, plan } = liveWith([{ ...slow, isEnded: true }]);
    expect(stops(judgeRuns(live, plan, { had: had([]), askedAt: 60_000, at: 60_100 }))).toEqual([]);
  });

  it("of an append is known by its offset", () => {
    const from = 512 * KIB;
    const heard = { bytes: 256 * KIB, at: 12_000 };
    const { live, plan } = liveWith([flight(1, [0, 4], { from, heard })]);
    const ask = (offset: number) =>
      judgeRuns(live, plan, { had: had([], offset), askedAt: 14_000, at: 14_100 });
    expect(stops(ask(from + 256 * KIB))).toEqual([{ run: 1 }]);
    expect(ask(from + 512 * KIB).plan.flights[0]?.heard).toEqual({ bytes: 512 * KIB, at: 14_100 });
  });
});
