// Holdfast does what the standards say: each row that it offers, and it offers all of them but these.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Ours, startOurs } from "./ours.ts";
import { lineOf } from "./report.ts";
import type { Result } from "./run.ts";
import { runSuite, SUITES } from "./suite.ts";

/** Why: docs/compare.md. */
const NOT_OFFERED = {
  tus: ["E1c", "K2e", "X3b"],
  rufh: [],
} as const;

function linesOf(results: readonly Result[], kind: Result["verdict"]["kind"]): readonly string[] {
  return results.filter(({ verdict }) => verdict.kind === kind).map(lineOf);
}

describe("Holdfast on a disk", () => {
  let ours: Ours | undefined;
  beforeAll(async () => {
    ours = await startOurs();
  });
  afterAll(() => ours?.stop());

  test.each(SUITES)("passes the rows of $title", async (suite) => {
    const results = await runSuite(suite, ours?.urls[suite.name] ?? "");
    expect(linesOf(results, "failed")).toEqual([]);
    const absent = results.filter(({ verdict }) => verdict.kind === "notOffered");
    expect(absent.map(({ row }) => row.id)).toEqual(NOT_OFFERED[suite.name]);
  });
});
