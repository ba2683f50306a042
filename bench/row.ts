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
  /** What a chart of it shows. */
  readonly chart?: Chart;
}

export interface Chart {
  readonly unit: string;
  readonly isLessBetter: boolean;
  readonly bars: readonly { readonly name: string; readonly figure: Figure }[];
}

/** A row that puts our figure over that of one peer. */
export interface Ratio {
  readonly name: string;
  readonly ours: Figure;
  readonly peer: string;
  readonly theirs: Figure;
  readonly digits?: number;
  /** The ratio that is asked for, at most or at least. */
  readonly target?: { readonly atMost: number } | { readonly atLeast: number };
}

export function ratioRow({ name, ours, peer, theirs, digits, target }: Ratio): Row {
  const value = ours.median / theirs.median;
  const row = {
    name,
    ours: showFigure(ours, digits),
    theirs: `${showFigure(theirs, digits)} ${peer}`,
    value,
    data: { ours, [peer]: theirs },
  };
  if (!target) return { ...row, target: "" };
  const isAtMost = "atMost" in target;
  const bound = isAtMost ? target.atMost : target.atLeast;
  const isMet = isAtMost ? value <= bound : value >= bound;
  return { ...row, target: `${isAtMost ? "<=" : ">="} ${bound.toFixed(2)} x`, isMet };
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
  "| what | Holdfast | beside | ratio or value | target | |",
  "| --- | --- | --- | --- | --- | --- |",
].join("\n");
