import { createVirtualClock } from "@holdfast/testkit/clock";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLimit, UNLIMITED } from "./limit.ts";

describe("a limit", () => {
  it("lets no more bytes pass in any time than its rate, but for a slice of 50 ms at the start", async () => {
    const wishes = fc.array(fc.integer({ min: 1, max: 2_000_000 }), {
      minLength: 1,
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1_000, max: 10_000_000 }), wishes, async (rate, all) => {
        const clock = createVirtualClock();
        const limit = createLimit(clock, rate);
        let passed = 0;
        for (const wanted of all) {
          const granted = limit.grant(wanted);
          if (typeof granted !== "number") clock.advanceToNext();
          const bytes = await granted;
          expect(bytes).toBeGreaterThan(0);
          expect(bytes).toBeLessThanOrEqual(Math.min(wanted, Math.max(1, rate / 20)));
          passed += bytes;
          const allowed = (rate * (clock.monotonic() + 50)) / 1000;
          expect(passed).toBeLessThanOrEqual(allowed + 1);
        }
      }),
    );
  });

  it("uses the rate up: what is asked for flows without gaps", async () => {
    const clock = createVirtualClock();
    const limit = createLimit(clock, 100_000);
    let passed = 0;
    while (clock.monotonic() < 10_000) {
      const granted = limit.grant(64_000);
      if (typeof granted !== "number") clock.advanceToNext();
      passed += await granted;
    }
    expect(passed).toBeGreaterThan(990_000);
  });

  it("does not save up what was not used", async () => {
    const clock = createVirtualClock();
    const limit = createLimit(clock, 1_000_000);
    clock.advance(3_600_000);
    let passed = 0;
    for (let granted = limit.grant(1e9); typeof granted === "number"; granted = limit.grant(1e9)) {
      passed += granted;
    }
    expect(passed).toBeLessThanOrEqual(100_000);
  });

  it("serves several at once, first come first served", async () => {
    const clock = createVirtualClock();
    const limit = createLimit(clock, 1_000);
    const order: number[] = [];
    const all = [0, 1, 2, 3].map(async (who) => {
      await limit.grant(50);
      order.push(who);
    });
    clock.advance(1_000);
    await Promise.all(all);
    expect(order).toEqual([0, 1, 2, 3]);
  });

  it("is none where there is none", () => {
    expect(UNLIMITED.grant(123)).toBe(123);
  });
});
