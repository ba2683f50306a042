import { expect, it } from "vitest";
import { DAMAGED_MAX, type FileNotes, noted, REVOKED_MAX, revokedBefore } from "./notes.ts";

const NONE: FileNotes = {};

it("is public since the first time that somebody said so, and then private as if nothing had been", () => {
  const once = noted(NONE, { kind: "public", at: 7 });
  expect(noted(once, { kind: "public", at: 9 })).toEqual({ publicAt: 7 });
  expect(noted(once, { kind: "private" })).toEqual(NONE);
});

it("names each damaged part once, in order, and no more than a bound", () => {
  const some = noted(NONE, { kind: "damaged", indexes: [10, 9] });
  expect(noted(some, { kind: "damaged", indexes: [9, 1] })).toEqual({ damaged: [1, 9, 10] });
  expect(noted(some, { kind: "healed", indexes: [10, 9] })).toEqual(NONE);
  const all = Array.from({ length: DAMAGED_MAX + 5 }, (_, index) => index);
  const full = noted(NONE, { kind: "damaged", indexes: all });
  expect(full.damaged).toHaveLength(DAMAGED_MAX);
  // It stands for parts that are not in it: one of those that are is right again, and nobody knows of the others.
  expect(noted(full, { kind: "healed", indexes: [3] })).toEqual(full);
  expect(noted(full, { kind: "healed", indexes: all })).toEqual(NONE);
});

it("keeps what was taken back until nothing of its age can count", () => {
  const one = noted(NONE, { kind: "revoked", link: "a", until: 10, now: 5 });
  expect(noted(one, { kind: "revoked", link: "a", until: 99, now: 6 })).toEqual(one);
  const other = { kind: "revoked", link: "b", until: 20, now: 10 } as const;
  expect(noted(one, other)).toEqual({ revoked: [{ id: "b", until: 20 }] });
});

it("takes back all links that there are where no more names are kept, and refuses nobody", () => {
  let notes = NONE;
  for (let count = 0; count < REVOKED_MAX; count++) {
    notes = noted(notes, { kind: "revoked", link: `${count}`, until: 10, now: 5 });
  }
  expect(revokedBefore(notes.revoked)).toBe(0);
  const more = { kind: "revoked", link: "more", until: 12, now: 5 } as const;
  // Whatever a clock that is a minute ahead has signed, too.
  expect(noted(notes, more)).toEqual({ revoked: [{ before: 60_005, until: 12 }] });
  const then = noted(noted(notes, more), { ...more, link: "next", now: 6 });
  expect(then.revoked).toEqual([
    { before: 60_005, until: 12 },
    { id: "next", until: 12 },
  ]);
  expect(revokedBefore(then.revoked)).toBe(60_005);
  expect(noted(notes, { ...more, until: 20, now: 10 }).revoked).toHaveLength(1);
});

it("never has a link count again that was taken back, however soon, or by whatever clock, the next thousand are", () => {
  let notes = NONE;
  const takeBack = (from: number, now: number) => {
    for (let count = 0; count <= REVOKED_MAX; count++) {
      const link = `${from + count}`;
      notes = noted(notes, { kind: "revoked", link, until: now + 1e9, now });
    }
  };
  takeBack(0, 7_200_000);
  // A link of then is dated behind that line, and is among the next that go: within the same second, or by a clock that was set back.
  const issuedAt = (Math.floor(revokedBefore(notes.revoked) / 1000) + 1) * 1000;
  takeBack(2_000, 7_200_500);
  expect(revokedBefore(notes.revoked)).toBeGreaterThanOrEqual(issuedAt);
  const before = revokedBefore(notes.revoked);
  takeBack(4_000, 5_000);
  expect(revokedBefore(notes.revoked)).toBeGreaterThan(before);
});

it("keeps one kind of note while another changes", () => {
  const notes = { publicAt: 1, revoked: [{ id: "a", until: 9 }], damaged: [3] };
  expect(noted(notes, { kind: "private" })).toEqual({ revoked: notes.revoked, damaged: [3] });
  expect(noted(notes, { kind: "healed", indexes: [3] })).toEqual({
    publicAt: 1,
    revoked: notes.revoked,
  });
});
