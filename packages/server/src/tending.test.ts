// A server's looks for what others have left: every 15 s, or as soon as a claim is over, whatever the last one met, until the stop.
import { HoldfastError } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { describe, expect, it } from "vitest";
import { keepTending, TEND_EVERY_MS } from "./tending.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

function world(recover: (look: number, onHeld: (leftMs: number) => void) => Promise<void>) {
  const clock = createVirtualClock();
  const logged: string[] = [];
  let looks = 0;
  const engine = {
    recover: async (onHeld: (leftMs: number) => void = () => undefined) => recover(++looks, onHeld),
  };
  const tending = keepTending(engine, clock, (_, event) => logged.push(event));
  const pass = async (ms: number) => {
    clock.advance(ms);
    await turn();
  };
  return { clock, tending, logged, pass, looks: () => looks };
}

describe("a server looks for what others have left", () => {
  it("every 15 s after the last time, until the stop", async () => {
    const { tending, logged, pass, looks } = world(async (look) => {
      if (look === 2) throw new HoldfastError("storage_failed");
    });
    await turn();
    for (const times of [2, 3, 4]) {
      await pass(TEND_EVERY_MS - 1);
      expect(looks()).toBe(times - 1);
      await pass(1);
      expect(looks()).toBe(times);
    }
    expect(logged).toEqual(["tend.failed"]);
    tending.stop();
    await pass(10 * TEND_EVERY_MS);
    expect(looks()).toBe(4);
  });

  it("as soon as the first of the claims may be over that it met, and not again for them", async () => {
    const { pass, looks } = world(async (look, onHeld) => {
      if (look > 1) return;
      for (const leftMs of [9000, 4000, 30_000]) onHeld(leftMs);
    });
    await turn();
    await pass(4000);
    expect(looks()).toBe(1);
    await pass(100);
    expect(looks()).toBe(2);
    await pass(TEND_EVERY_MS - 100);
    expect(looks()).toBe(2);
  });

  it("for what it hears of only after a look, too", async () => {
    let late: (leftMs: number) => void = () => undefined;
    const { tending, pass, looks } = world(async (_, onHeld) => {
      late = onHeld;
    });
    await turn();
    late(1000);
    await pass(1100);
    expect(looks()).toBe(2);
    tending.stop();
    late(1000);
    await pass(1100);
    expect(looks()).toBe(2);
  });

  it("never twice at once", async () => {
    const asleep = Promise.withResolvers<void>();
    const { tending, pass, looks } = world(async (look, onHeld) => {
      if (look !== 2) return;
      onHeld(10);
      await asleep.promise;
    });
    await turn();
    await pass(TEND_EVERY_MS);
    await pass(TEND_EVERY_MS);
    expect(looks()).toBe(2);
    asleep.resolve();
    await turn();
    await pass(0);
    expect(looks()).toBe(3);
    tending.stop();
  });
});
