// What a run says: a line a row for people, the same for programs, and one exit code.
import { coverOf } from "./checklist.ts";
import type { Result, Verdict } from "./run.ts";
import type { Suite } from "./suite.ts";

export interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly notOffered: number;
}

export function countOf(results: readonly Result[]): Count {
  const of = (kind: Verdict["kind"]) =>
    results.filter(({ verdict }) => verdict.kind === kind).length;
  return { passed: of("passed"), failed: of("failed"), notOffered: of("notOffered") };
}

/** Zero only where rows passed and none failed: a server that offers nothing conforms to nothing. */
export function exitCodeOf(results: readonly Result[]): number {
  const { passed, failed } = countOf(results);
  return failed === 0 && passed > 0 ? 0 : 1;
}

export function lineOf({ row, verdict }: Result): string {
  const { id, level, clause, source } = row;
  const head = `${WORDS[verdict.kind].padEnd(11)} ${id.padEnd(6)} ${level.padEnd(6)} ${clause}`;
  switch (verdict.kind) {
    case "passed":
      return head;
    case "failed":
      return `${head}\n            ${verdict.why}\n            (${source})`;
    case "notOffered":
      return `${head} (needs ${verdict.lacks})`;
  }
}

const WORDS = { passed: "passed", failed: "FAILED", notOffered: "not offered" } as const;

export function closingLineOf(results: readonly Result[]): string {
  const { passed, failed, notOffered } = countOf(results);
  const must = results.filter(
    ({ row, verdict }) => verdict.kind === "failed" && row.level === "MUST",
  );
  return `${passed} passed, ${failed} failed (${must.length} of them MUST), ${notOffered} not offered`;
}

/** For programs; members are added, never renamed. */
export function jsonOf(
  { name, points }: Pick<Suite, "name" | "points">,
  url: string,
  results: readonly Result[],
): unknown {
  const rows = results.map(({ row }) => row);
  return {
    suite: name,
    url,
    ...countOf(results),
    clauses: coverOf(points, rows).map(({ point: { id, about, unseen }, rows }) => ({
      ...{ id, about, rows },
      ...(unseen === undefined ? {} : { unseen }),
    })),
    rows: results.map(({ row: { id, level, source, clause }, verdict }) => ({
      id,
      level,
      source,
      clause,
      result: verdict.kind,
      ...(verdict.kind === "failed" ? { step: verdict.step, why: verdict.why } : {}),
      ...(verdict.kind === "notOffered" ? { lacks: verdict.lacks } : {}),
    })),
  };
}
