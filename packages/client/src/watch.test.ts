import { HoldfastError } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { describe, expect, it } from "vitest";
import { watched } from "./watch.ts";

/** Work that ends only when its signal fires. */
function endless(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

describe("a watch", () => {
  it("gives up work on which no byte moved for that long, counted from the last byte", async () => {
    const clock = createVirtualClock();
    const { signal } = new AbortController();
    let isOver = false;
    const work = watched(clock, 30_000, signal, (own, touch) => {
      clock.after(29_000, () => touch());
      clock.after(58_000, () => touch());
      return endless(own);
    });
    const watching = expect(work).rejects.toMatchObject({ code: "stalled" });
    work.catch(() => {
      isOver = true;
    });
    clock.advance(87_999);
    await Promise.resolve();
    expect(isOver).toBe(false);
    clock.advance(1);
    await watching;
  });

  it("allows the longer silence that was asked for, until the next byte", async () => {
    const clock = createVirtualClock();
    const { signal } = new AbortController();
    let isOver = false;
    const work = watched(clock, 1_000, signal, (own, touch) => {
      touch(() => 4_000);
      clock.after(3_999, () => touch());
      return endless(own);
    });
    const watching = expect(work).rejects.toMatchObject({ code: "stalled" });
    work.catch(() => {
      isOver = true;
    });
    clock.advance(4_998);
    await Promise.resolve();
    expect(isOver).toBe(false);
    clock.advance(1);
    await watching;
  });

  it("asks again what is allowed while nothing moves", async () => {
    const clock = createVirtualClock();
    const { signal } = new AbortController();
    let allowedMs = 20_000;
    const work = watched(clock, 30_000, signal, (own, touch) => {
      touch(() => allowedMs);
      return endless(own);
    });
    clock.advance(5_000);
    allowedMs = 3_000;
    clock.advance(1_000);
    await expect(work).rejects.toMatchObject({ code: "stalled", details: { silentMs: 6_000 } });
  });

  it("passes on the reason of whoever stops the work", async () => {
    const outer = new AbortController();
    const work = watched(createVirtualClock(), 1_000, outer.signal, endless);
    outer.abort(new HoldfastError("aborted"));
    await expect(work).rejects.toMatchObject({ code: "aborted" });
    const late = watched(createVirtualClock(), 1_000, outer.signal, endless);
    await expect(late).rejects.toMatchObject({ code: "aborted" });
  });

  it("fires the signal where the work failed by itself, so that nothing of it goes on", async () => {
    const { signal } = new AbortController();
    let own = signal;
    const work = watched(createVirtualClock(), 1_000, signal, async (given) => {
      own = given;
      throw new Error("no");
    });
    await expect(work).rejects.toThrow("no");
    expect(own.aborted).toBe(true);
  });

  it("leaves no timer behind", async () => {
    const clock = createVirtualClock();
    const { signal } = new AbortController();
    expect(await watched(clock, 1_000, signal, async () => "done")).toBe("done");
    expect(clock.advanceToNext()).toBe(false);
  });
});
