// Crashes a scenario at every one of its steps, and its recovery at every one of those, and looks at many legal images of each.
import type { Engine } from "@holdfast/engine";
import { fingerprint } from "./fingerprint.ts";
import type { Moment } from "./life.ts";

/** One life of a server, on whatever storage. */
export interface AnyLife {
  readonly engine: Engine;
  /** Resolves when the moment has come. */
  readonly crashed: Promise<void>;
  /** Steps so far. */
  readonly steps: () => number;
}

/** How lives begin and what they leave. */
export interface LifeCycle<Life extends AnyLife, Remains> {
  begin(remains: Remains, seed: string, moment?: Moment, startMs?: number): Promise<Life>;
  /** Where in a step the moment may be. */
  readonly places: readonly Moment["when"][];
  /** One legal thing that a life may leave behind. */
  remainsOf(life: Life, image: number, how: "power" | "kill"): Remains;
  /** The same only for remains that no life which begins on them could tell apart. */
  fingerprintOf(remains: Remains): string;
}

/** What happens in one life, and what must hold after it. `Seen` is what clients had been told. */
export interface Scenario<Seen, Life extends AnyLife, Remains> {
  readonly cycle: LifeCycle<Life, Remains>;
  /** What the life begins on. */
  readonly start: Remains;
  /** Time of the life's first moment, in milliseconds since 1970. */
  readonly startMs?: number;
  seeNothing(): Seen;
  work(life: Life, seen: Seen): Promise<void>;
  /** Starts a server on an image, lets it recover, and says what is wrong. */
  violations(remains: Remains, seen: Seen): Promise<string[]>;
}

export interface CrashOptions {
  /** Images that are looked at for each step and each place in it. */
  readonly images: number;
  /** Also crashes each recovery at each of its steps, and recovers again. */
  readonly inRecovery: boolean;
  /** Only every so-many-th step; 1 is all of them. */
  readonly stride?: number;
  readonly seed?: string;
  /** Stops at the first violation. */
  readonly isHasty?: boolean;
}

export interface CrashReport {
  readonly steps: number;
  readonly recoverySteps: number;
  readonly images: number;
  /** How many different ones were among them, together with what clients had been told: each is judged once. */
  readonly different: number;
  readonly violations: readonly string[];
}

export async function crashEverywhere<Seen, Life extends AnyLife, Remains>(
  scenario: Scenario<Seen, Life, Remains>,
  options: CrashOptions,
): Promise<CrashReport> {
  const { images, inRecovery, stride = 1, seed = "0", isHasty = false } = options;
  const { remainsOf, fingerprintOf, places } = scenario.cycle;
  const middle = places[places.length >> 1];
  const violations: string[] = [];
  // A life without a crash has promises too.
  const steps = await countSteps(scenario, seed).catch((error: unknown) => {
    violations.push(`no crash at all: ${error}`);
    return 0;
  });
  const report = { steps, recoverySteps: 0, images: 0, different: 0, violations };
  const isDone = (): boolean => isHasty && report.violations.length > 0;
  const judged = new Map<string, readonly string[]>();
  const look = async (what: string, remains: Remains, seen: Seen): Promise<void> => {
    report.images++;
    // A life is a function of what it begins on: the same again says the same again.
    const name = fingerprint([fingerprintOf(remains), seen]);
    const found = judged.get(name) ?? (await scenario.violations(remains, seen));
    judged.set(name, found);
    report.different = judged.size;
    report.violations.push(...found.map((violation) => `${what}: ${violation}`));
  };
  const recovered = new Map<string, number>();
  const lookAtRecovery = async (what: string, start: Remains, seen: Seen): Promise<number> => {
    const name = fingerprint([fingerprintOf(start), seen]);
    const known = recovered.get(name);
    if (known !== undefined) return known;
    const again = recoveryOf(scenario, start);
    const more = await countSteps(again, seed);
    for (let at = 1; at <= more && !isDone(); at++) {
      const moment = { step: at, when: places[at % places.length] ?? "during" };
      const { life } = await crashAt(again, seed, moment);
      for (let image = 0; image < images && !isDone(); image++) {
        const then = `${what}, then recovery step ${at} ${moment.when}, image ${image}`;
        await look(then, remainsOf(life, image, "power"), seen);
      }
    }
    recovered.set(name, more);
    return more;
  };

  for (let step = 1; step <= steps + 1 && !isDone(); step += stride) {
    for (const when of places) {
      const { life, seen } = await crashAt(scenario, seed, { step, when });
      for (let image = 0; image < images && !isDone(); image++) {
        const how = image % 10 === 9 ? "kill" : "power";
        const remains = remainsOf(life, image, how);
        await look(`step ${step} ${when}, ${how} ${image}`, remains, seen);
      }
      if (!inRecovery || when !== middle) continue;
      const start = remainsOf(life, 0, "power");
      report.recoverySteps += await lookAtRecovery(`step ${step} ${when}`, start, seen);
    }
  }
  return report;
}

function recoveryOf<Seen, Life extends AnyLife, Remains>(
  scenario: Scenario<Seen, Life, Remains>,
  start: Remains,
): Scenario<Seen, Life, Remains> {
  return { ...scenario, start, work: (life) => life.engine.recover() };
}

async function countSteps<Seen, Life extends AnyLife, Remains>(
  scenario: Scenario<Seen, Life, Remains>,
  seed: string,
): Promise<number> {
  const life = await scenario.cycle.begin(scenario.start, seed, undefined, scenario.startMs);
  await scenario.work(life, scenario.seeNothing());
  return life.steps();
}

async function crashAt<Seen, Life extends AnyLife, Remains>(
  scenario: Scenario<Seen, Life, Remains>,
  seed: string,
  moment: Moment,
): Promise<{ readonly life: Life; readonly seen: Seen }> {
  const life = await scenario.cycle.begin(scenario.start, seed, moment, scenario.startMs);
  const seen = scenario.seeNothing();
  await Promise.race([scenario.work(life, seen), life.crashed]);
  return { life, seen };
}
