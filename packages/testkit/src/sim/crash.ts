// Crashes a server at every step of create, put-run, complete, abort and recovery, looks at many legal images of each, and holds promises 1 to 3 against them.
import { KIB, type PartRange, type UploadView } from "@holdfast/protocol";
import { createBody } from "../body.ts";
import { createRandom } from "../random.ts";
import { alice, createRequest, putParts, runBytes } from "../world.ts";
import { beginLife, type Life, type Moment, nothing, type Remains, remainsOf } from "./life.ts";
import { type Seen, violationsIn } from "./promises.ts";

const PART = 256 * KIB;
/** Two whole parts, and a last one whose end is no multiple of a block. */
const content = createRandom("crash/content").bytes(2 * PART + 5000);

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
  readonly violations: readonly string[];
}

const PLACES = ["before", "during", "after"] as const;

export async function simulateCrashes(options: CrashOptions): Promise<CrashReport> {
  const { images, inRecovery, stride = 1, seed = "0", isHasty = false } = options;
  const steps = await countSteps(nothing, seed, work);
  const report = { steps, recoverySteps: 0, images: 0, violations: [] as string[] };
  const isDone = (): boolean => isHasty && report.violations.length > 0;
  const look = async (what: string, remains: Remains, seen: Seen): Promise<void> => {
    report.images++;
    const found = await violationsIn(remains, seen, content);
    report.violations.push(...found.map((violation) => `${what}: ${violation}`));
  };

  for (let step = 1; step <= steps + 1 && !isDone(); step += stride) {
    for (const when of PLACES) {
      const { life, seen } = await crashAt(nothing, seed, { step, when }, work);
      for (let image = 0; image < images && !isDone(); image++) {
        const how = image % 10 === 9 ? "kill" : "power";
        const remains = remainsOf(life, image, how);
        await look(`step ${step} ${when}, ${how} ${image}`, remains, seen);
      }
      if (!inRecovery || when !== "during") continue;
      const start = remainsOf(life, 0, "power");
      const more = await countSteps(start, seed, recovery);
      report.recoverySteps += more;
      for (let at = 1; at <= more && !isDone(); at++) {
        const moment = { step: at, when: PLACES[at % 3] ?? "during" };
        const again = await crashAt(start, seed, moment, recovery);
        for (let image = 0; image < images && !isDone(); image++) {
          const what = `step ${step} ${when}, then recovery step ${at} ${moment.when}, image ${image}`;
          await look(what, remainsOf(again.life, image, "power"), seen);
        }
      }
    }
  }
  return report;
}

type Workload = (life: Life, seen: Seen) => Promise<void>;

async function countSteps(remains: Remains, seed: string, workload: Workload): Promise<number> {
  const life = await beginLife(remains, seed);
  await workload(life, emptySeen());
  return life.steps();
}

async function crashAt(
  remains: Remains,
  seed: string,
  moment: Moment,
  workload: Workload,
): Promise<{ readonly life: Life; readonly seen: Seen }> {
  const life = await beginLife(remains, seed, moment);
  const seen = emptySeen();
  await Promise.race([workload(life, seen), life.crashed]);
  return { life, seen };
}

function emptySeen(): Seen {
  return { created: [], acknowledged: new Map(), completed: new Set(), aborted: new Set() };
}

const recovery: Workload = (life) => life.engine.recover();

/** One upload from create to complete with two runs at once, and one that is aborted: what a client was told is noted as it is told. */
const work: Workload = async (life, seen) => {
  const { engine } = life;
  const [kept, dropped] = await Promise.all([create(life, seen), create(life, seen)]);
  await Promise.all([
    put(life, seen, kept, [0, 2]),
    takeOver(life, seen, kept, [2, 3]),
    put(life, seen, dropped, [1, 3]),
  ]);
  await Promise.all([
    engine.complete(alice, kept.id, {}).then(() => seen.completed.add(kept.id)),
    engine.abort(alice, dropped.id).then(() => {
      seen.aborted.add(dropped.id);
    }),
  ]);
};

async function create({ engine }: Life, seen: Seen): Promise<UploadView> {
  const view = await engine.create(alice, createRequest(content.length));
  seen.created.push(view);
  return view;
}

async function put({ engine }: Life, seen: Seen, view: UploadView, run: PartRange): Promise<void> {
  await putParts(engine, view, content, run);
  noteParts(seen, view, run);
}

function noteParts(seen: Seen, view: UploadView, run: PartRange): void {
  const parts = seen.acknowledged.get(view.id) ?? new Set();
  for (let index = run[0]; index < run[1]; index++) parts.add(index);
  seen.acknowledged.set(view.id, parts);
}

/** A request brings wrong bytes and stays; the same transfer sends the right ones. What the first has issued must never land on what the second commits. */
async function takeOver(life: Life, seen: Seen, view: UploadView, run: PartRange): Promise<void> {
  const stale = createBody();
  stale.push(new Uint8Array(runBytes(view, content, run).length));
  const first = putParts(life.engine, view, content, run, { body: stale, transfer: "transfer-1" });
  const lost = first.catch(() => undefined);
  // Lets the first take its bytes and issue its write; the disk has not taken that yet.
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  await putParts(life.engine, view, content, run, { transfer: "transfer-1" });
  noteParts(seen, view, run);
  await lost;
}
