// What pages hold together they share: each counts all that have an engine.
import { createVirtualClock } from "@holdfast/testkit/clock";
import { expect, test, vi } from "vitest";
import { countTabs } from "./tabs.ts";

test("counts those of this origin", async () => {
  const clock = createVirtualClock();
  const first = countTabs(navigator.locks, clock);
  await vi.waitFor(() => {
    clock.advance(1_000);
    expect(first()).toBe(1);
  });
  const second = countTabs(navigator.locks, clock);
  // One that has never asked holds nothing.
  countTabs(navigator.locks, clock);
  await vi.waitFor(() => {
    clock.advance(1_000);
    expect([first(), second()]).toEqual([2, 2]);
  });
});

test("assumes that it is not alone where there are no locks", () => {
  expect(countTabs(undefined, createVirtualClock())()).toBe(2);
});
