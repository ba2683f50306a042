// When the way to a store is taken for closed.
import { type ErrorCode, HoldfastError } from "@holdfast/protocol";
import { expect, it } from "vitest";
import { createOpenness, isClosedBy, noteArrival } from "./openness.ts";

const met = (code: ErrorCode, details = {}) => new HoldfastError(code, undefined, details);
const away = met("connection_failed");

it("is closed after three rounds of trouble where nothing ever got through, however many fail side by side", () => {
  const way = createOpenness();
  const round = (attempt: number) =>
    [1, 2, 3, 4].map(() => isClosedBy(way, away, { attempt, at: 0 }));
  expect(round(1)).toEqual([false, false, false, false]);
  expect(round(2)).toEqual([false, false, false, false]);
  expect(round(3)).toEqual([true, true, true, true]);
});

it("stays open for half a minute after something got through", () => {
  const way = createOpenness();
  noteArrival(way, 1_000);
  const at = [2_000, 4_000, 30_999, 31_000];
  const closed = at.map((time, round) => isClosedBy(way, away, { attempt: round + 1, at: time }));
  expect(closed).toEqual([false, false, false, true]);
});

it("begins anew with each part that gets through", () => {
  const way = createOpenness();
  noteArrival(way, 0);
  for (const attempt of [1, 2, 3]) isClosedBy(way, away, { attempt, at: 10 });
  noteArrival(way, 20);
  expect(isClosedBy(way, away, { attempt: 1, at: 60_000 })).toBe(false);
});

it.each([
  met("signature_refused"),
  met("insecure_transport"),
  met("not_holdfast", { status: 413 }),
])("is closed at once by what no repetition mends: $code", (error) => {
  const way = createOpenness();
  noteArrival(way, 0);
  expect(isClosedBy(way, error, { attempt: 1, at: 1 })).toBe(true);
});
