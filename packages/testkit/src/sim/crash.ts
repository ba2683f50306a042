// Crashes a server at every step of create, put-run, complete, abort and recovery, looks at many legal images of each, and holds promises 1 to 3 against them.
import { KIB, type PartRange, type UploadView } from "@holdfast/protocol";
import { createBody } from "../body.ts";
import { createRandom } from "../random.ts";
import { alice, createRequest, putParts, runBytes } from "../world.ts";
import { type CrashOptions, type CrashReport, crashEverywhere } from "./every-step.ts";
import { type Life, nothing } from "./life.ts";
import { type Seen, violationsIn } from "./promises.ts";

const PART = 256 * KIB;
/** Two whole parts, and a last one whose end is no multiple of a block. */
const content = createRandom("crash/content").bytes(2 * PART + 5000);

export function simulateCrashes(options: CrashOptions): Promise<CrashReport> {
  const violations = (remains: Parameters<typeof violationsIn>[0], seen: Seen) =>
    violationsIn(remains, seen, content);
  return crashEverywhere({ start: nothing, seeNothing, work, violations }, options);
}

function seeNothing(): Seen {
  return { created: [], acknowledged: new Map(), completed: new Set(), aborted: new Set() };
}

/** One upload from create to complete with two runs at once, and one that is aborted: what a client was told is noted as it is told. */
async function work(life: Life, seen: Seen): Promise<void> {
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
}

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
