// The report: what is not offered is never passed, and the exit code says whether a server does all that it offers.
import { expect, test } from "vitest";
import { closingLineOf, exitCodeOf, jsonOf, lineOf } from "./report.ts";
import type { Row } from "./row.ts";
import type { Result } from "./run.ts";

function row(id: string, level: Row["level"]): Row {
  return { id, level, clause: `clause ${id}`, source: `source ${id}`, needs: [], steps: [] };
}

const PASSED: Result = { row: row("A", "MUST"), verdict: { kind: "passed" } };
const FAILED: Result = {
  row: row("B", "MUST"),
  verdict: { kind: "failed", step: 1, why: "HEAD {a}: status 500, not 200" },
};
const ABSENT: Result = { row: row("C", "SHOULD"), verdict: { kind: "notOffered", lacks: "x" } };

test("one that failed, or none that passed, is exit code 1", () => {
  expect(exitCodeOf([PASSED, ABSENT])).toBe(0);
  expect(exitCodeOf([PASSED, FAILED])).toBe(1);
  expect(exitCodeOf([ABSENT])).toBe(1);
  expect(exitCodeOf([])).toBe(1);
});

test("the closing line counts each kind", () => {
  expect(closingLineOf([PASSED, FAILED, ABSENT])).toBe(
    "1 passed, 1 failed (1 of them MUST), 1 not offered",
  );
});

test("a line says what was seen and where the clause stands", () => {
  expect(lineOf(FAILED)).toContain("status 500, not 200");
  expect(lineOf(FAILED)).toContain("source B");
  expect(lineOf(ABSENT)).toMatch(/^not offered C .*needs x/);
  expect(lineOf(PASSED)).toMatch(/^passed /);
});

test("programs get a row each, with its result", () => {
  const points = [
    { id: "A1", about: "what rows try", unseen: "the rest" },
    { id: "B2", about: "what none tries", unseen: "it cannot be" },
  ];
  expect(jsonOf({ name: "tus", points }, "http://x/", [PASSED, FAILED, ABSENT])).toMatchObject({
    suite: "tus",
    passed: 1,
    failed: 1,
    notOffered: 1,
    rows: [
      { id: "A", result: "passed" },
      { id: "B", result: "failed", step: 1, why: "HEAD {a}: status 500, not 200" },
      { id: "C", result: "notOffered", lacks: "x" },
    ],
  });
});
