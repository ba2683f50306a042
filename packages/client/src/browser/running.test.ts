// Whether anything runs is told when it begins and when the last of it ends.
import { expect, test } from "vitest";
import { createRunning } from "./running.ts";

test("tells of the first and the last, and at once whoever comes in between", () => {
  const running = createRunning();
  const told: boolean[] = [];
  const off = running.on((isRunning) => told.push(isRunning));
  running.note(1, true);
  running.note(2, true);
  const late: boolean[] = [];
  running.on((isRunning) => late.push(isRunning));
  running.note(1, false);
  running.note(1, false);
  expect([told, late]).toEqual([[true], [true]]);
  running.note(2, false);
  expect([told, late]).toEqual([
    [true, false],
    [true, false],
  ]);
  off();
  running.note(3, true);
  expect(told.length).toBe(2);
});
