// Crashes a server over a store of parts at every step of what clients do, and of its recovery; then holds against what is left that nothing acknowledged is lost,
// nothing wrong is published, and no part is left that nobody wants, whatever arrives late.
import {
  hasPart,
  isHoldfastError,
  KIB,
  missingRanges,
  type PartRange,
  type UploadView,
} from "@holdfast/protocol";
import { createRandom } from "../random.ts";
import { sameBytes } from "../same-bytes.ts";
import { alice, createRequest, partDigests, putParts, readAll, readManifest } from "../world.ts";
import { type CrashOptions, type CrashReport, crashEverywhere } from "./every-step.ts";
import {
  landLate,
  nothingYet,
  type PartsLife,
  type PartsRemains,
  partsLives,
  whileTimePasses,
} from "./parts-life.ts";
import { bytesOf, leftBehind, partViolations } from "./parts-promises.ts";

const PART = 256 * KIB;
const HOUR = 60 * 60 * 1000;
/** Two whole parts and a short one. */
const content: Uint8Array = createRandom("crash/parts").bytes(2 * PART + 5000);
/** What a source has become after somebody changed it. */
const changed: Uint8Array = createRandom("crash/changed").bytes(content.length);

/** What clients had been told. */
interface Seen {
  readonly created: UploadView[];
  /** Indexes of parts by upload. */
  readonly acknowledged: Map<string, Set<number>>;
  readonly completed: Set<string>;
  readonly aborted: Set<string>;
  /** Files whose deletion has begun, and those of which it was told. */
  readonly doomed: Set<string>;
  readonly deleted: Set<string>;
  readonly unsure: Set<string>;
}

export function simulatePartCrashes(options: CrashOptions): Promise<CrashReport> {
  return crashEverywhere<Seen, PartsLife, PartsRemains>(
    {
      cycle: partsLives,
      start: nothingYet,
      seeNothing: () => ({
        created: [],
        acknowledged: new Map(),
        completed: new Set(),
        aborted: new Set(),
        doomed: new Set(),
        deleted: new Set(),
        unsure: new Set(),
      }),
      work,
      violations: violationsIn,
    },
    options,
  );
}

/**
 * Five uploads: one through the server, one direct, one that is aborted with parts in flight, one whose file is deleted, and one whose source will have changed
 * when somebody goes on with it.
 */
async function work(life: PartsLife, seen: Seen): Promise<void> {
  const { engine } = life;
  const [kept, direct, dropped, doomed, unsure] = [
    await create(life, seen),
    await create(life, seen),
    await create(life, seen),
    await create(life, seen),
    await create(life, seen),
  ];
  seen.unsure.add(unsure.id);
  await Promise.all([
    put(life, seen, kept, [0, 2]).then(() => put(life, seen, kept, [2, 3])),
    bring(life, seen, direct, [0, 3]),
    put(life, seen, dropped, [0, 2]).catch(() => undefined),
    put(life, seen, dropped, [2, 3]).catch(() => undefined),
    engine.abort(alice, dropped.id).then(() => void seen.aborted.add(dropped.id)),
    put(life, seen, doomed, [0, 3]),
    put(life, seen, unsure, [0, 1]),
  ]);
  const [, , file] = await Promise.all([
    complete(life, seen, kept),
    complete(life, seen, direct),
    complete(life, seen, doomed),
  ]);
  seen.doomed.add(doomed.id);
  await engine.deleteFile(alice, file);
  seen.deleted.add(doomed.id);
}

async function create({ engine }: PartsLife, seen: Seen): Promise<UploadView> {
  const view = await engine.create(alice, createRequest(content.length));
  seen.created.push(view);
  return view;
}

async function put(life: PartsLife, seen: Seen, view: UploadView, run: PartRange): Promise<void> {
  await putParts(life.engine, view, content, run);
  noteParts(seen, view, run);
}

/** Asks for signed requests, sends them past the server, and has it look. */
async function bring(life: PartsLife, seen: Seen, view: UploadView, run: PartRange): Promise<void> {
  const parts = digested(view, run);
  const signed = await life.engine.presign(alice, view.id, parts, HOUR);
  const [held, ...sent] = signed.storage;
  for (const request of sent) life.bring(request, bytesOf(view, content, request.index));
  // One that has not been sent yet is not there, whatever its sender says.
  await life.engine.confirm(alice, view.id, parts).then(
    () => noteParts(seen, view, run),
    () => undefined,
  );
  if (held) life.bring(held, bytesOf(view, content, held.index));
  await life.engine.confirm(alice, view.id, parts);
  noteParts(seen, view, run);
}

function digested(view: UploadView, run: PartRange) {
  return partDigests(view, content, run).map((digest, at) => ({ index: run[0] + at, digest }));
}

function noteParts(seen: Seen, { id }: UploadView, [start, end]: PartRange): void {
  const parts = seen.acknowledged.get(id) ?? new Set();
  for (let index = start; index < end; index++) parts.add(index);
  seen.acknowledged.set(id, parts);
}

async function complete({ engine }: PartsLife, seen: Seen, { id }: UploadView): Promise<string> {
  const { file } = await engine.complete(alice, id, {});
  seen.completed.add(id);
  return file?.id ?? "";
}

async function violationsIn(remains: PartsRemains, seen: Seen): Promise<string[]> {
  const life = await partsLives.begin(remains, "after");
  // Before the server has looked at anything, and again at the end.
  landLate(life);
  await life.engine.recover();
  const wrong: string[] = [];
  for (const [number, view] of seen.created.entries()) {
    const found = await violationsOf(life, view, seen).catch((error: unknown) => [String(error)]);
    wrong.push(...found.map((text) => `upload ${number}: ${text}`));
  }
  landLate(life);
  return [...wrong, ...(await leftBehind(life))];
}

async function violationsOf(life: PartsLife, { id }: UploadView, seen: Seen): Promise<string[]> {
  const { engine } = life;
  if (seen.doomed.has(id)) {
    const record = await life.metadata.upload(id);
    if (!record) return [];
    if (seen.deleted.has(id)) return ["a deleted file is back"];
  }
  const view = await engine.status(alice, id);
  const wrong: string[] = [];
  if (seen.aborted.has(id) && view.state !== "aborted") wrong.push(`aborted, now ${view.state}`);
  if (seen.completed.has(id) && view.state !== "complete") {
    wrong.push(`completed, and now ${view.state}`);
  }
  if (view.state === "aborted") return wrong;
  for (const index of seen.acknowledged.get(id) ?? []) {
    if (!hasPart(view.committed, index)) wrong.push(`part ${index} was acknowledged and is gone`);
  }
  if (seen.unsure.has(id)) return [...wrong, ...(await goOnChanged(life, view))];
  if (view.state !== "complete") {
    wrong.push(...(await partViolations(life, view, content)));
    for (const run of missingRanges(view.committed)) await putParts(engine, view, content, run);
    await engine.complete(alice, id, {});
  }
  return [...wrong, ...(await fileViolations(life, id))];
}

/** The source has changed: its bytes are refused where others may still arrive, or they are what stays. */
async function goOnChanged(life: PartsLife, view: UploadView): Promise<string[]> {
  const { engine } = life;
  try {
    await putParts(engine, view, changed, [0, 3]);
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== "part_conflict") throw error;
    await engine.abort(alice, view.id);
    return [];
  }
  landLate(life);
  // A store that has others now is looked at more than once.
  const done = await whileTimePasses(engine.complete(alice, view.id, {}), life);
  const isRight = sameBytes(await readAll(engine, done), changed);
  return isRight ? [] : ["bytes of before have come back"];
}

async function fileViolations({ engine }: PartsLife, id: string): Promise<string[]> {
  const view = await engine.status(alice, id);
  if (view.state !== "complete") return [`cannot be completed: ${view.state}`];
  const bytes = await readAll(engine, view);
  await readManifest(engine, await engine.file(alice, view.file?.id ?? ""));
  return sameBytes(bytes, content) ? [] : ["the published bytes are wrong"];
}
