import { createVirtualClock } from "@holdfast/testkit/clock";
import { describe, expect, it } from "vitest";
import { watchHints } from "./hints.ts";

function watch() {
  const virtual = createVirtualClock();
  const [network, line] = [new EventTarget(), new EventTarget()];
  const one = { hints: 0, jumped: 0 };
  const clock = { ...virtual, now: () => virtual.now() + one.jumped };
  const stop = watchHints({ network, line, clock }, () => {
    one.hints++;
  });
  return Object.assign(one, { virtual, network, line, stop });
}

describe("hints", () => {
  it("are the network that is said to be back, and a line that is another", () => {
    const one = watch();
    one.network.dispatchEvent(new Event("online"));
    one.network.dispatchEvent(new Event("offline"));
    one.line.dispatchEvent(new Event("change"));
    expect(one.hints).toBe(2);
  });

  it("are a date that has gone on while the machine slept, each time once", () => {
    const one = watch();
    one.virtual.advance(60_000);
    expect(one.hints).toBe(0);
    one.jumped = 8 * 3_600_000;
    one.virtual.advance(5_000);
    expect(one.hints).toBe(1);
    one.virtual.advance(60_000);
    expect(one.hints).toBe(1);
  });

  it("are none where the clock is put right by little, or back", () => {
    const one = watch();
    for (const jump of [10_000, -3_600_000]) {
      one.jumped += jump;
      one.virtual.advance(10_000);
    }
    expect(one.hints).toBe(0);
  });

  it("end when nobody wants them any more", () => {
    const one = watch();
    one.stop();
    one.network.dispatchEvent(new Event("online"));
    one.line.dispatchEvent(new Event("change"));
    one.jumped = 8 * 3_600_000;
    one.virtual.advance(60_000);
    expect(one.hints).toBe(0);
    expect(one.virtual.advanceToNext()).toBe(false);
  });
});
