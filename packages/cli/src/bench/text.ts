// What a bench measured, for a person.
import { formatRate, formatSize } from "../sizes.ts";
import type { Measure, Round } from "./measure.ts";

/** The middle one by rate; of an even number the slower of the two. */
export function medianOf(measures: readonly Measure[]): Measure | undefined {
  return measures.toSorted((a, b) => a.rate - b.rate)[Math.floor((measures.length - 1) / 2)];
}

export function benchText(size: number, rounds: readonly Round[]): string {
  return (["upload", "download"] as const)
    .map((way) =>
      lineOf(
        way,
        size,
        rounds.map((round) => round[way]),
      ),
    )
    .join("");
}

function lineOf(way: string, size: number, measures: readonly Measure[]): string {
  const median = medianOf(measures);
  if (!median) return "";
  const rates = measures.map(({ rate }) => rate);
  const spread =
    measures.length > 1
      ? `  (${formatRate(Math.min(...rates))} to ${formatRate(Math.max(...rates))})`
      : "";
  const cores = (median.cpuSeconds / median.seconds).toFixed(2);
  const perGib = ((median.cpuSeconds * 1024 ** 3) / size).toFixed(2);
  const cpu = `${cores} cores, ${perGib} s of CPU a GiB`;
  return `${way.padEnd(8)}  ${formatSize(size).padStart(9)}  ${formatRate(median.rate).padStart(11)}  ${cpu}${spread}\n`;
}
