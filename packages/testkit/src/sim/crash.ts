// Crashes a server at every step of what clients do and of recovery, looks at many legal images of each, and holds promises 1 to 3 against them.
import { type CrashOptions, type CrashReport, crashEverywhere } from "./every-step.ts";
import { diskLives, nothing } from "./life.ts";
import { emptySeen, violationsIn } from "./promises.ts";
import { type LifeKind, WORK } from "./work.ts";

export interface LifeOptions extends CrashOptions {
  /** What the clients do: parts in parallel, unless told. */
  readonly life?: LifeKind;
}

export function simulateCrashes({ life = "parts", ...options }: LifeOptions): Promise<CrashReport> {
  const scenario = {
    cycle: diskLives,
    start: nothing,
    seeNothing: emptySeen,
    violations: violationsIn,
  };
  return crashEverywhere({ ...scenario, work: WORK[life] }, options);
}
