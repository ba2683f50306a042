import { createVirtualClock } from "@holdfast/testkit/clock";
import { describe, expect, it } from "vitest";
import { createPace } from "./pace.ts";

const USUAL = 30_000;

function learned(ms: number) {
  const clock = createVirtualClock();
  const pace = createPace(clock);
  for (let piece = 0; piece < 10; piece++) pace.note("sending", ms);
  return { clock, pace, now: clock.monotonic() };
}

describe("the pace of a line", () => {
  it("is as usual until it is known, for each kind of silence", () => {
    const { pace, now } = learned(100);
    expect(pace.allowedMs("waiting", now, USUAL)).toBe(USUAL);
    expect(pace.allowedMs("sending", now, USUAL)).toBeLessThan(USUAL);
  });

  it("gives up soon on one that is silent while others move, and later where all are", () => {
    const { clock, pace, now } = learned(100);
    clock.advance(2_000);
    expect(pace.allowedMs("sending", now, USUAL)).toBe(10_000);
    pace.note("sending", 100);
    expect(pace.allowedMs("sending", now, USUAL)).toBe(3_000);
  });

  it("follows a line that is slow in itself, up to what is usual", () => {
    const { clock, pace, now } = learned(2_500);
    expect(pace.allowedMs("sending", now, USUAL)).toBe(20_000);
    clock.advance(4_000);
    pace.note("sending", 2_500);
    expect(pace.allowedMs("sending", now, USUAL)).toBe(7_500);
    expect(learned(9_000).pace.allowedMs("sending", 0, USUAL)).toBe(USUAL);
  });

  it("forgets", () => {
    const { pace, now } = learned(3_000);
    for (let piece = 0; piece < 200; piece++) pace.note("sending", 50);
    expect(pace.allowedMs("sending", now, USUAL)).toBe(10_000);
  });
});
