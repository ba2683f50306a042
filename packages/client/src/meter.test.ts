import { createVirtualClock } from "@holdfast/testkit/clock";
import { describe, expect, it } from "vitest";
import { createMeter } from "./meter.ts";

describe("a meter", () => {
  it("does not count what was there before", () => {
    const clock = createVirtualClock();
    const meter = createMeter(clock);
    expect(meter.rate(5_000_000)).toBe(0);
    clock.advance(1_000);
    expect(meter.rate(5_001_000)).toBe(1_000);
  });

  it("moves by a quarter towards each new sample", () => {
    const clock = createVirtualClock();
    const meter = createMeter(clock);
    meter.rate(0);
    clock.advance(1_000);
    expect(meter.rate(1_000)).toBe(1_000);
    clock.advance(1_000);
    expect(meter.rate(6_000)).toBe(2_000);
    clock.advance(500);
    expect(meter.rate(100_000)).toBe(2_000);
  });

  it("begins anew after a withdrawal, and never tells of a rate below 0", () => {
    const clock = createVirtualClock();
    const meter = createMeter(clock);
    meter.rate(0);
    clock.advance(2_000);
    meter.rate(2_000);
    expect(meter.rate(500)).toBe(1_000);
    clock.advance(1_000);
    expect(meter.rate(500)).toBe(750);
  });
});
