import { addPart, createPartSet, HoldfastError, KIB, MIB } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import type { Answer, Effect, Next, TransferEvent } from "./state.ts";
import { begin, reduce } from "./transfer.ts";

type Occurrence = TransferEvent extends infer One
  ? One extends TransferEvent
    ? Omit<One, "at" | "chance">
    : never
  : never;

/** An upload (a download where nobody can be asked) over a line that is known to take runs of 16 MiB, so that the first one is as long. */
function start({
  canAsk = true,
  rate = 8 * MIB,
  committed = 0,
  partSize = MIB,
  size = 20 * MIB,
} = {}) {
  let now: Next = begin({ inFlight: 1, canAsk }, 0);
  const effects: Effect[] = [];
  let at = 0;
  const take = (event: Occurrence) => {
    now = reduce(now.state, { at, chance: 1, ...event });
    effects.push(...now.effects);
  };
  const pending = () => ("pending" in now.state && now.state.pending?.id) || 0;
  const plan = () => ("live" in now.state ? now.state.live.plan : undefined);
  const open = (had: number, offset = 0, part = partSize): Extract<Answer, { kind: "open" }> => {
    const set = createPartSet(size / part);
    for (let index = 0; index < had; index++) addPart(set, index);
    const grid = { size, partSize: part };
    return { kind: "open", grid, runPartsMax: 64, committed: set, offset };
  };
  take({ type: "opened", id: pending(), isResumed: false, known: { inFlight: 1, rate } });
  take({ type: "answered", id: pending(), answer: open(committed) });
  return {
    effects,
    phase: () => now.state.phase,
    answer: (answer: Answer) => take({ type: "answered", id: pending(), answer }),
    /** Parts of what is on its way. */
    parts() {
      const [from, to] = plan()?.flights[0]?.range ?? [0, 0];
      return to - from;
    },
    /** Breaks what is on its way; the status then knows of so many parts, and of so much of the next. */
    breaks(had = committed, offset = 0, details = {}) {
      const error = new HoldfastError("connection_failed", undefined, details);
      const run = plan()?.flights[0]?.run ?? 0;
      take({ type: "runFailed", run, error, hasMoved: false });
      if (now.state.phase !== "waiting") return;
      take({ type: "timer", timer: now.state.timer });
      take({ type: "answered", id: pending(), answer: open(had, offset) });
    },
    /** What is on its way comes through. */
    passes() {
      const run = plan()?.flights[0]?.run ?? 0;
      at += 100;
      take({ type: "runDone", run, ms: 100 });
    },
    bodyMax: () => plan()?.line.bodyMax,
    open,
  };
}

const notices = (effects: readonly Effect[]) =>
  effects.flatMap((effect) => (effect.type === "notice" ? [effect.code] : []));

describe("bodies that break again and again while the server answers", () => {
  it("go out as single parts from the fourth on", () => {
    const one = start();
    expect(one.parts()).toBeGreaterThan(1);
    for (let times = 0; times < 3; times++) one.breaks();
    expect(one.parts()).toBeGreaterThan(1);
    one.breaks();
    expect(one.parts()).toBe(1);
    expect(notices(one.effects)).toEqual([]);
  });

  it("go out longer again, one after the other, once a single part is through", () => {
    const one = start({ size: 200 * MIB });
    const usual = one.parts();
    for (let times = 0; times < 4; times++) one.breaks();
    expect([one.parts(), one.bodyMax()]).toEqual([1, MIB]);
    const seen = new Set<number>();
    for (let times = 0; times < 30 && one.bodyMax() !== undefined; times++) {
      one.passes();
      seen.add(one.parts());
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([2, 4, 8, 16]);
    expect([one.parts(), one.bodyMax()]).toEqual([usual, undefined]);
  });

  it("are tried longer once only where that breaks as well", () => {
    const one = start();
    for (let times = 0; times < 4; times++) one.breaks();
    one.passes();
    expect(one.parts()).toBe(2);
    one.breaks(1);
    for (let times = 0; times < 6; times++) {
      expect(one.parts()).toBe(1);
      one.passes();
    }
    expect(one.bodyMax()).toBe(MIB);
  });

  it("begin anew with the smallest parts where single ones break too, and then only wait and tell", () => {
    const one = start({ rate: 1 });
    expect(one.parts()).toBe(1);
    for (let times = 0; times < 4; times++) one.breaks();
    expect(one.effects.at(-1)).toMatchObject({ step: "create", partSizeMax: 256 * KIB });
    one.answer(one.open(0, 0, 256 * KIB));
    expect(one.phase()).toBe("sending");
    for (let times = 0; times < 30; times++) one.breaks();
    expect(one.phase()).toBe("sending");
    expect(notices(one.effects)).toEqual(["request_too_large", "request_too_large"]);
  });

  it("keep the upload of which something is committed", () => {
    const one = start({ rate: 1, committed: 3 });
    for (let times = 0; times < 30; times++) one.breaks();
    expect(
      one.effects.filter((effect) => effect.type === "step" && effect.step === "create"),
    ).toHaveLength(1);
    expect(notices(one.effects)).toEqual(["request_too_large"]);
  });

  it.each([
    ["a part", 1, 0],
    ["some of an append", 0, 900_000],
  ])(
    "keep the upload to which the last of them has brought %s until it broke",
    (_, parts, offset) => {
      const one = start({ rate: 1 });
      for (let times = 0; times < 3; times++) one.breaks();
      one.breaks(parts, offset);
      expect(one.phase()).toBe("sending");
      for (let times = 0; times < 3; times++) one.breaks(parts, offset);
      expect(notices(one.effects)).toEqual([]);
    },
  );

  it.each([
    [
      "parts were committed meanwhile",
      (one: ReturnType<typeof start>, at: number) => one.breaks(at),
    ],
    ["an append got on", (one: ReturnType<typeof start>, at: number) => one.breaks(0, at * 1000)],
    ["nobody listens", (one: ReturnType<typeof start>) => one.breaks(0, 0, { refused: true })],
  ])("change nothing where %s", (_, breakAt) => {
    const one = start();
    for (let at = 1; at <= 12; at++) breakAt(one, at);
    expect(one.parts()).toBeGreaterThan(1);
    expect(notices(one.effects)).toEqual([]);
  });

  it("are none of a download's", () => {
    const one = start({ canAsk: false });
    const parts = one.parts();
    for (let times = 0; times < 12; times++) one.breaks();
    expect(one.parts()).toBe(parts);
  });
});
