// What servers beside one another do of each clause, as tables for docs/compare.md.
import { countOf } from "./report.ts";
import type { Result } from "./run.ts";

export interface Column {
  readonly name: string;
  /** All rows of the suite, in its order. */
  readonly results: readonly Result[];
}

/** How many rows each server passes, fails, and does not offer. */
export function summaryOf(columns: readonly Column[]): readonly string[] {
  const lines = columns.map(({ name, results }) => {
    const { passed, failed, notOffered } = countOf(results);
    const must = results.filter(
      ({ row, verdict }) => row.level === "MUST" && verdict.kind === "failed",
    );
    return `| ${name} | ${passed} | ${failed} | ${must.length} | ${notOffered} |`;
  });
  return [
    "| server | passed | failed | of them MUST | not offered |",
    "| --- | --- | --- | --- | --- |",
    ...lines,
  ];
}

/** A line for each clause; a clause that stands in several versions has them in its cells. */
export function clausesOf(columns: readonly Column[]): readonly string[] {
  const [first] = columns;
  if (!first) return [];
  const names = columns.map(({ name }) => ` ${name} |`).join("");
  const head = [
    `| id | level | clause |${names}`,
    `| --- | --- | --- |${" --- |".repeat(columns.length)}`,
  ];
  const ids = new Set(first.results.map(({ row }) => baseOf(row.id)));
  const lines = [...ids].map((id) => {
    const row = first.results.find((result) => baseOf(result.row.id) === id)?.row;
    const cells = columns.map(({ results }) => {
      const own = results.filter((result) => baseOf(result.row.id) === id);
      return ` ${cellOf(own)} |`;
    });
    return `| ${id} | ${row?.level} | ${row?.clause.replaceAll("|", "\\|")} |${cells.join("")}`;
  });
  return [...head, ...lines];
}

function baseOf(id: string): string {
  return id.split("/")[0] ?? id;
}

const WORDS = { passed: "yes", failed: "**no**", notOffered: "-" } as const;

function cellOf(results: readonly Result[]): string {
  const kinds = new Set(results.map(({ verdict }) => verdict.kind));
  const versioned = results.length > 1 || results.some(({ row }) => row.id.includes("/"));
  const [only] = kinds;
  if (only !== undefined && kinds.size === 1 && (!versioned || only === "notOffered")) {
    return WORDS[only];
  }
  return (["passed", "failed"] as const)
    .filter((kind) => kinds.has(kind))
    .map(
      (kind) =>
        `${WORDS[kind]} ${versionsOf(results.filter(({ verdict }) => verdict.kind === kind))}`,
    )
    .join(", ");
}

function versionsOf(results: readonly Result[]): string {
  return results.map(({ row }) => row.id.split("/")[1] ?? "").join(" ");
}
