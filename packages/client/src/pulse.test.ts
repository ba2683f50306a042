import { createVirtualClock } from "@holdfast/testkit/clock";
import { describe, expect, it } from "vitest";
import { createPulse } from "./pulse.ts";

function start() {
  const clock = createVirtualClock();
  const told: number[] = [];
  const pulse = createPulse(clock, () => told.push(clock.monotonic()));
  const beganAt = clock.monotonic();
  return { clock, pulse, told: () => told.map((at) => at - beganAt) };
}

describe("changes in quick succession", () => {
  it("are told of now and then, the last one too when nothing follows", () => {
    const { clock, pulse, told } = start();
    for (let change = 0; change < 25; change++) {
      clock.advance(20);
      pulse.soon();
    }
    expect(told()).toEqual([200, 400]);
    clock.advance(10_000);
    expect(told()).toEqual([200, 400, 600]);
    pulse.soon();
    expect(told().at(-1)).toBe(10_500);
  });

  it("are not told twice where something is told anyway", () => {
    const { clock, pulse, told } = start();
    clock.advance(50);
    pulse.soon();
    pulse.now();
    clock.advance(1_000);
    pulse.settle();
    expect(told()).toEqual([50]);
  });

  it("are told at once at the end, and nothing afterwards", () => {
    const { clock, pulse, told } = start();
    clock.advance(50);
    pulse.soon();
    pulse.settle();
    pulse.settle();
    clock.advance(1_000);
    expect(told()).toEqual([50]);
  });
});
