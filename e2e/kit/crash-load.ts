// What is sent to a server that may be killed at any moment: several uploads at once, parts in runs or straight to the store, some of them again; and what was acknowledged.
import type { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { MIB, type PartRange, partCount } from "@holdfast/protocol";
import type { Pair } from "./pairs.ts";
import { confirmParts, sendSigned, signParts } from "./signed.ts";
import type { Dice } from "./source.ts";
import { completeJob, createJob, type Job, putRun, viewOf } from "./wire.ts";

/** What is sent to a server, and how long it lives. */
export interface Habits {
  /** In bytes, chosen at random between the two, in steps of 256 KiB. */
  readonly partSize: readonly [number, number];
  /** In bytes. */
  readonly sizeMax: number;
  /** Parts in one request. */
  readonly runMax: number;
  /** Share of the runs that go straight to the store. */
  readonly direct: number;
  /** The longest that a server lives, in milliseconds. */
  readonly lifeMs: number;
  /** Of the storage's location. */
  readonly options: string;
}

export const HABITS: Readonly<Record<Pair["storage"], Habits>> = {
  disk: {
    ...{ partSize: [256 * 1024, MIB], sizeMax: 24 * MIB, runMax: 8 },
    ...{ direct: 0, lifeMs: 600, options: "" },
  },
  // Parts as small as stores take them.
  s3: {
    ...{ partSize: [5 * MIB, 6 * MIB], sizeMax: 18 * MIB, runMax: 2 },
    ...{ direct: 0.5, lifeMs: 2_500, options: "&part-size-min=5M" },
  },
};

export interface Load extends Job {
  readonly acknowledged: Set<number>;
  readonly inFlight: Set<number>;
  isCompleting: boolean;
  /** Where the file is, once complete was answered. */
  fileUrl: string | undefined;
}

/** What of it was acknowledged, and what should not have been answered. */
export interface SentReport {
  acknowledgedParts: number;
  acknowledgedBytes: number;
  /** Parts that went straight to a store and were confirmed. */
  directParts: number;
  readonly violations: string[];
}

const UPLOADS = 3;

/** Who sends: by which habits, by which dice, and where it is written down. */
interface Sender {
  readonly habits: Habits;
  readonly dice: Dice;
  readonly report: SentReport;
}

/** Begins an upload, sends what one lacks, or completes one that is whole. */
export async function sendSomething(
  base: string,
  loads: Load[],
  agent: Agent,
  { habits, dice, report }: Sender,
): Promise<void> {
  const open = loads.filter((load) => load.fileUrl === undefined && !load.isCompleting);
  if (open.length < UPLOADS) {
    loads.push(await newLoad(base, habits, dice));
    return;
  }
  const load = open[dice.whole(0, open.length - 1)];
  const run = load && chooseRun(load, habits.runMax, dice);
  if (load && run && dice.isHit(habits.direct)) await sendDirect(base, load, run, report);
  else if (load && run) await sendRun(base, load, run, agent, report);
  else if (load && isWhole(load)) await complete(base, load, report);
  else await sleep(1);
}

const PART_STEP = 256 * 1024;

async function newLoad(base: string, habits: Habits, dice: Dice): Promise<Load> {
  const [least, most] = habits.partSize;
  const partSize = dice.whole(least / PART_STEP, most / PART_STEP) * PART_STEP;
  const content = { seed: dice.whole(1, 2 ** 31), size: dice.whole(1, habits.sizeMax) };
  const job = await createJob(base, content, partSize);
  const sets = { acknowledged: new Set<number>(), inFlight: new Set<number>() };
  return { ...job, ...sets, isCompleting: false, fileUrl: undefined };
}

function isWhole(load: Load): boolean {
  return load.inFlight.size === 0 && load.acknowledged.size === partCount(load.grid);
}

/** Parts that are neither acknowledged nor on their way; now and then some that are acknowledged, because repeating must be safe. */
function chooseRun(load: Load, runMax: number, dice: Dice): PartRange | undefined {
  const count = partCount(load.grid);
  const isRepeat = dice.isHit(0.05);
  const isFree = (index: number): boolean =>
    !load.inFlight.has(index) && (isRepeat || !load.acknowledged.has(index));
  const from = dice.whole(0, count - 1);
  for (let step = 0; step < count; step++) {
    const start = (from + step) % count;
    if (!isFree(start)) continue;
    let end = start + 1;
    const until = Math.min(count, start + dice.whole(1, runMax));
    while (end < until && isFree(end)) end++;
    return [start, end];
  }
  return undefined;
}

export async function sendRun(
  base: string,
  load: Load,
  run: PartRange,
  agent: Agent,
  report: SentReport,
): Promise<void> {
  const indexes = Array.from({ length: run[1] - run[0] }, (_, at) => run[0] + at);
  for (const index of indexes) load.inFlight.add(index);
  try {
    const reply = await putRun(base, load, run, agent);
    if (reply.status >= 200 && reply.status < 300) {
      for (const index of indexes) acknowledge(load, index, report);
    } else if (reply.status !== 503) {
      report.violations.push(`${load.id} ${run}: a good run got ${reply.status} ${reply.text}`);
    }
  } finally {
    for (const index of indexes) load.inFlight.delete(index);
  }
}

/** Straight to the store, as somebody does who then asks the server whether it is there. */
async function sendDirect(
  base: string,
  load: Load,
  run: PartRange,
  report: SentReport,
): Promise<void> {
  const indexes = Array.from({ length: run[1] - run[0] }, (_, at) => run[0] + at);
  for (const index of indexes) load.inFlight.add(index);
  try {
    const signed = await signParts(base, load, indexes);
    const statuses = await Promise.all(signed.map((part) => sendSigned(part)));
    if (statuses.some((status) => status !== 200)) {
      report.violations.push(`${load.id} ${run}: the store answered ${statuses}`);
      return;
    }
    const reply = await confirmParts(base, load, indexes);
    if (reply.status === 200) {
      for (const index of indexes) {
        if (!load.acknowledged.has(index)) report.directParts++;
        acknowledge(load, index, report);
      }
    } else if (reply.status !== 503) {
      report.violations.push(`${load.id} ${run}: confirming got ${reply.status} ${reply.text}`);
    }
  } finally {
    for (const index of indexes) load.inFlight.delete(index);
  }
}

function acknowledge(load: Load, index: number, report: SentReport): void {
  if (load.acknowledged.has(index)) return;
  load.acknowledged.add(index);
  report.acknowledgedParts++;
  report.acknowledgedBytes += Math.min(
    load.grid.partSize,
    load.grid.size - index * load.grid.partSize,
  );
}

export async function complete(base: string, load: Load, report: SentReport): Promise<void> {
  load.isCompleting = true;
  const reply = await completeJob(base, load.id);
  if (reply.status === 200) load.fileUrl = viewOf(reply).file?.url;
  else report.violations.push(`${load.id}: complete got ${reply.status} ${reply.text}`);
}
