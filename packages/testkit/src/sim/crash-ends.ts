// Crashes a server at every step of what ends: a deletion, a sweep that expires and forgets, a part that comes in beside it; then holds against what is left that
// nothing acknowledged is lost, nothing ended comes back, and nothing is left behind.
import { KIB, type UploadId, type UploadView } from "@holdfast/protocol";
import { createRandom } from "../random.ts";
import { sameBytes } from "../same-bytes.ts";
import { alice, createRequest, putParts, readAll } from "../world.ts";
import { type CrashOptions, type CrashReport, crashEverywhere } from "./every-step.ts";
import {
  BYTES_DIRECTORY,
  beginLife,
  diskLives,
  type Life,
  nothing,
  type Remains,
  remainsOf,
} from "./life.ts";

const HOUR = 60 * 60 * 1000;
const PART = 256 * KIB;
const content = createRandom("crash/ends").bytes(PART + 5000);
const BEGIN_MS = Date.UTC(2026, 0, 1);

/** What the first life has left, a day and an hour ago: two files, an upload that nobody goes on with, and one that somebody does. */
interface Past {
  readonly remains: Remains;
  readonly doomed: UploadView;
  readonly kept: UploadView;
  readonly lost: UploadView;
  readonly late: UploadView;
}

interface Seen {
  isDeleted: boolean;
  isCommitted: boolean;
  /** From here on the late upload may have expired too. */
  isNextDay: boolean;
}

export async function simulateEnds(options: CrashOptions): Promise<CrashReport> {
  const past = await makePast();
  return crashEverywhere<Seen, Life, Remains>(
    {
      cycle: diskLives,
      start: past.remains,
      startMs: BEGIN_MS + 25 * HOUR,
      seeNothing: () => ({ isDeleted: false, isCommitted: false, isNextDay: false }),
      work: (life, seen) => work(life, past, seen),
      violations: (remains, seen) => violationsIn(remains, past, seen),
    },
    options,
  );
}

async function makePast(): Promise<Past> {
  const life = await beginLife(nothing, "ends", undefined, BEGIN_MS);
  const [doomed, kept] = [await publish(life), await publish(life)];
  const [lost, late] = [await begin(life), await begin(life)];
  return { remains: remainsOf(life, 0, "kill"), doomed, kept, lost, late };
}

async function begin({ engine }: Life): Promise<UploadView> {
  const view = await engine.create(alice, createRequest(content.length));
  await putParts(engine, view, content, [0, 1]);
  return view;
}

async function publish(life: Life): Promise<UploadView> {
  const view = await begin(life);
  await putParts(life.engine, view, content, [1, 2]);
  return life.engine.complete(alice, view.id, {});
}

async function work({ engine, clock }: Life, past: Past, seen: Seen): Promise<void> {
  const { doomed, late } = past;
  await Promise.all([
    engine.deleteFile(alice, doomed.file?.id ?? "").then(() => {
      seen.isDeleted = true;
    }),
    // The sweep may come before the part or after it.
    putParts(engine, late, content, [1, 2]).then(
      () => {
        seen.isCommitted = true;
      },
      () => undefined,
    ),
    engine.sweep("server", { isDryRun: false }),
  ]);
  seen.isNextDay = true;
  clock.advance(24 * HOUR + 1);
  await engine.sweep("server", { isDryRun: false });
}

async function violationsIn(remains: Remains, past: Past, seen: Seen): Promise<string[]> {
  const life = await beginLife(remains, "after", undefined, BEGIN_MS + 26 * HOUR);
  await life.engine.recover();
  const checks = [
    deletedWrongly(life, past, seen),
    keptWrongly(life, past.kept),
    expiredWrongly(life, past, seen),
    leftBehind(life, past),
  ];
  const wrong: string[] = [];
  // One after another: the last one lets time pass.
  for (const check of checks) wrong.push(...(await check().catch((error) => [String(error)])));
  return wrong;
}

type Check = () => Promise<string[]>;

/** A file is there whole, or it is gone and so are its bytes. */
function deletedWrongly(life: Life, { doomed }: Past, seen: Seen): Check {
  return async () => {
    if (await isAbsent(life, doomed)) return leftovers(life, doomed.id);
    if (seen.isDeleted) return ["a deleted file is back"];
    return keptWrongly(life, doomed)();
  };
}

async function isAbsent({ engine }: Life, { file }: UploadView): Promise<boolean> {
  const code = await engine.file(alice, file?.id ?? "").catch((error) => error.code);
  const { files } = await engine.files(alice, { limit: 9 });
  const isListed = files.some(({ id }) => id === file?.id);
  if ((code === "file_not_found") === isListed) throw new Error("the list and the file disagree");
  return code === "file_not_found";
}

function keptWrongly(life: Life, view: UploadView): Check {
  return async () => {
    const { engine } = life;
    const bytes = await readAll(engine, view);
    const wrong = sameBytes(bytes, content) ? [] : ["a file that nobody deleted has other bytes"];
    for await (const _ of await engine.manifest(await engine.file(alice, view.file?.id ?? "")));
    return wrong;
  };
}

/** An upload is open with all that was acknowledged, and can be finished; or it has ended, and its bytes are gone. */
function expiredWrongly(life: Life, { lost, late }: Past, seen: Seen): Check {
  return async () => {
    const wrong: string[] = [];
    const mustLive = seen.isCommitted && !seen.isNextDay;
    for (const { id } of [lost, late]) {
      const record = await life.metadata.upload(id);
      if (record?.state === "open") wrong.push(...(await unfinishable(life, id)));
      else if (mustLive && id === late.id) wrong.push("an acknowledged part was swept");
      else wrong.push(...leftovers(life, id));
    }
    return wrong;
  };
}

async function unfinishable({ engine }: Life, id: UploadId): Promise<string[]> {
  const view = await engine.status(alice, id);
  await putParts(engine, view, content, [0, 2]);
  const done = await engine.complete(alice, id, {});
  if (!sameBytes(await readAll(engine, done), content)) return ["it was finished wrongly"];
  await engine.deleteFile(alice, done.file?.id ?? "");
  return [];
}

/** In the end, whatever was cut: the file that was kept, and nothing else. */
function leftBehind(life: Life, { kept, doomed }: Past): Check {
  return async () => {
    const { engine, clock, disk, metadata } = life;
    for (let times = 0; times < 3; times++) {
      clock.advance(25 * HOUR);
      const { failed, isWhole } = await engine.sweep("server", { isDryRun: false });
      if (failed > 0 || !isWhole) return ["a sweep could not do its work"];
    }
    const names = disk.names().filter((name) => !name.startsWith(`${BYTES_DIRECTORY}/${kept.id}`));
    const stays = (await isAbsent(life, doomed)) ? [] : [doomed.id];
    const extra = names.filter((name) => !stays.some((id) => name.includes(id)));
    const { uploads } = metadata.snapshot();
    return [
      ...extra.filter((name) => name.startsWith(BYTES_DIRECTORY)).map((name) => `${name} is left`),
      ...(uploads.size === 0 ? [] : [`${uploads.size} records are left`]),
    ];
  };
}

function leftovers({ disk }: Life, id: UploadId): string[] {
  return disk
    .names()
    .filter((name) => name.startsWith(`${BYTES_DIRECTORY}/${id}`))
    .map((name) => `${name} is left`);
}
