// Every clause of both checklists has rows, or it is said why it has none; and no row is of a clause that nobody knows.
import { expect, test } from "vitest";
import { coverOf, gapLinesOf, pointOf } from "./checklist.ts";
import { SUITES } from "./suite.ts";

test.each(SUITES)("each clause of $title has a row", ({ points, rows }) => {
  const covered = coverOf(points, rows);
  expect(covered.filter((one) => one.rows.length === 0).map(({ point }) => point.id)).toEqual([]);
  const known = new Set(points.map(({ id }) => id));
  expect(rows.map(({ id }) => id).filter((id) => !known.has(pointOf(id)))).toEqual([]);
});

test("what no row sees is said", () => {
  const rows = [{ ...rowOf("A1b"), isSlow: true as const }, rowOf("A1a/8")];
  const points = [
    { id: "A1", about: "what rows try", unseen: "the rest" },
    { id: "B2", about: "what none tries", unseen: "it cannot be" },
    { id: "C3", about: "what was forgotten" },
  ];
  expect(coverOf(points, rows).map((one) => one.rows)).toEqual([["A1b", "A1a/8"], [], []]);
  expect(gapLinesOf(coverOf(points, rows)).join("\n")).toBe(
    [
      "not seen    A1     the rest",
      "no row      B2     what none tries: it cannot be",
      "no row      C3     what was forgotten: no reason",
    ].join("\n"),
  );
});

function rowOf(id: string) {
  return { id, clause: "", source: "", level: "MUST" as const, needs: [], steps: [] };
}
