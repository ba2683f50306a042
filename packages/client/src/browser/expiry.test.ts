// An upload at which nothing happens is told of an hour before its server removes it, and once.
import { createVirtualClock } from "@holdfast/testkit/clock";
import { expect, test } from "vitest";
import { createEmitter } from "../events.ts";
import { watchExpiry } from "./expiry.ts";

const HOUR = 60 * 60 * 1000;
const CREATED = { id: "x", url: "http://x", size: 1, isResumed: false };

function watch() {
  const clock = createVirtualClock();
  const { on, emit } = createEmitter();
  const told: string[] = [];
  const end = watchExpiry(clock, { on }, (detail) => told.push(detail));
  return { clock, emit, told, end };
}

test("23 hours after the last commit", () => {
  const { clock, emit, told } = watch();
  emit("created", CREATED);
  clock.advance(22 * HOUR);
  emit("part", { index: 0 });
  clock.advance(23 * HOUR - 1);
  expect(told).toEqual([]);
  clock.advance(1);
  expect(told.length).toBe(1);
  clock.advance(48 * HOUR);
  expect(told.length).toBe(1);
});

test("when the server has said that it removes it, of one that is gone on with", () => {
  const { clock, emit, told } = watch();
  emit("created", { ...CREATED, isResumed: true, expiresInMs: 3 * HOUR });
  clock.advance(2 * HOUR - 1);
  expect(told).toEqual([]);
  clock.advance(1);
  expect(told).toEqual([expect.stringContaining("in 60 minutes")]);
});

test("at once, of one that has less than an hour left", () => {
  const { clock, emit, told } = watch();
  emit("created", { ...CREATED, isResumed: true, expiresInMs: HOUR / 4 });
  clock.advance(1);
  expect(told).toEqual([expect.stringContaining("in 15 minutes")]);
});

test("not of one that has ended", () => {
  const { clock, emit, told, end } = watch();
  emit("created", CREATED);
  end();
  clock.advance(48 * HOUR);
  expect(told).toEqual([]);
});
