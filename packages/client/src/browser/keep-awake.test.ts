// The site's service worker hears of uploads as long as there are any.
import { createVirtualClock } from "@holdfast/testkit/clock";
import { expect, test, vi } from "vitest";
import { keepAwake } from "./keep-awake.ts";
import { isAwake } from "./service-worker-messages.ts";

/** What was about to happen by itself has happened. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("every 20 seconds, and no more once there are none", async () => {
  const clock = createVirtualClock();
  const told: unknown[] = [];
  const active = { postMessage: (message: unknown) => told.push(message) };
  const registration = { active: active as unknown as ServiceWorker };
  const { note } = keepAwake(clock, Promise.resolve(registration));
  note(0);
  await settled();
  expect(told).toEqual([]);
  note(1);
  note(2);
  await vi.waitFor(() => expect(told.length).toBe(1));
  expect(told.every(isAwake)).toBe(true);
  clock.advance(20_000);
  await vi.waitFor(() => expect(told.length).toBe(2));
  note(0);
  clock.advance(60_000);
  await settled();
  expect(told.length).toBe(2);
  note(1);
  await vi.waitFor(() => expect(told.length).toBe(3));
});

test("a site without one is not held up", async () => {
  const clock = createVirtualClock();
  keepAwake(clock, Promise.resolve(undefined)).note(1);
  await settled();
  expect(clock.advanceToNext()).toBe(false);
});
