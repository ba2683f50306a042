// What a process has used, read from the kernel; and how rounds of measurements become one figure.
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";

const TICKS = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** CPU seconds of a process with all its threads, and of its children that have ended. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may hold anything; fields are counted behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS;
}

/** CPU seconds of a process and of all that it started, dead or alive. */
export async function cpuOfTree(pid: number): Promise<number> {
  let sum = await cpuSeconds(pid);
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  for (const child of children.split(" ").filter(Boolean)) sum += await cpuOfTree(Number(child));
  return sum;
}

/** Memory of a process in bytes: what it has now, or the most it ever had. */
export async function memoryOf(pid: number, which: "VmRSS" | "VmHWM"): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${which}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) * 1024;
}

export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly all: readonly number[];
}

export function figureOf(values: readonly number[]): Figure {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
  const [min = Number.NaN, max = Number.NaN] = [sorted[0], sorted.at(-1)];
  return { median, min, max, all: values };
}

/** One thing that is measured, round after round. */
export interface Contender<Sample> {
  readonly name: string;
  run(): Promise<Sample>;
}

/**
 * Rounds of all contenders in turn: A B C, A B C, ... The first rounds are a warm-up and do not count.
 *
 * On a shared or virtual machine the same program differs by a factor between minutes: only runs side by side may be compared.
 */
export async function interleave<Sample>(
  contenders: readonly Contender<Sample>[],
  rounds: { readonly warmUp: number; readonly measured: number },
  before: () => Promise<void>,
): Promise<ReadonlyMap<string, readonly Sample[]>> {
  const samples = new Map<string, Sample[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds.warmUp + rounds.measured; round++) {
    for (const contender of contenders) {
      await before();
      const sample = await contender.run();
      if (round >= rounds.warmUp) samples.get(contender.name)?.push(sample);
    }
  }
  return samples;
}
