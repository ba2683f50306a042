// A row of the report: what was measured, against what, and whether the target was met.
import type { Figure } from "./measure.ts";

export interface Row {
  readonly name: string;
  /** `0.92 [0.90-0.95]` or plain text. */
  readonly ours: string;
  readonly theirs: string;
  /** What is compared with the target; undefined where there is none. */
  readonly value?: number;
  readonly target: string;
  readonly isMet?: boolean;
  /** Everything behind it, for results/bench.json. */
  readonly data: unknown;
}

export function showFigure(figure: Figure, digits = 2): string {
  const [median, min, max] = [figure.median, figure.min, figure.max].map((n) => n.toFixed(digits));
  return `${median} [${min}-${max}]`;
}

export function showRow(row: Row): string {
  const { name, ours, theirs, value, target, isMet } = row;
  const shown = value === undefined ? "" : value.toFixed(2);
  const verdict = isMet === undefined ? "" : isMet ? "met" : "MISSED";
  return `| ${[name, ours, theirs, shown, target, verdict].join(" | ")} |`;
}

export const HEAD: string = [
  "| what | Holdfast | @tus/server | value | target | |",
  "| --- | --- | --- | --- | --- | --- |",
].join("\n");
