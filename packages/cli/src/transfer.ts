// Runs a command's transfers: shows them, stops them in order when told to, prints what they ended with.
import type { Result } from "@holdfast/client";
import type { Client } from "@holdfast/client/node";
import { HoldfastError } from "@holdfast/protocol";
import { tellDamage } from "./asking.ts";
import { type FilesAtATime, type Job, requireAll, startBatch } from "./batch.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { onStopSignal } from "./interrupt.ts";
import { createJsonReport, jsonLines } from "./json.ts";
import { createQuietReport } from "./quiet.ts";
import type { Report, Summary } from "./report.ts";
import { createTerminal, printable } from "./terminal.ts";
import { createTextReport, type Detail, type Verb } from "./text.ts";
import { createManyReport } from "./text-many.ts";

export interface OutputOptions {
  readonly json?: true;
  readonly quiet?: true;
  readonly verbose?: true;
}

export interface TransferTask {
  readonly verb: Verb;
  readonly options: OutputOptions;
  readonly files: FilesAtATime;
  /** The setting of that name. */
  readonly color: string | undefined;
  /** Asked for by more than one name: then there is a sum, and every line says what it is about. */
  readonly isMany: boolean;
  /** What is known to have failed before anything was moved. */
  readonly failed: Summary["failed"];
  /** The line for a person after it, of one file. */
  readonly next: (result: Result) => string;
  /** Notes that all of them have begun, as one command; the returned function is told whether anything is left of it. */
  readonly note?: () => Promise<(isFinished: boolean) => Promise<void>>;
  /** What is said to whoever stops it, where the error's own hint does not fit. */
  readonly interruptedHint?: string;
}

/** Resolves when all are complete. @throws HoldfastError what one failed with, `transfers_failed`, or `interrupted` */
export async function runTransfers(jobs: readonly Job[], task: TransferTask): Promise<void> {
  const { verb, options, isMany, files, interruptedHint } = task;
  const end = (await task.note?.()) ?? (async () => undefined);
  let isFinished = false;
  const report = await createReport(jobs, task);
  for (const { label, error } of task.failed) {
    report.end({ label, size: undefined }, { kind: "failed", error });
  }
  const now = () => performance.now();
  const batch = startBatch(jobs, {
    files,
    report,
    now,
    onComplete(job, { result }) {
      const line = options.json ? undefined : job.line(result);
      if (line !== undefined) report.aside(() => process.stdout.write(`${shownLine(line)}\n`));
      if (isMany || options.json || options.quiet || !process.stdout.isTTY) return;
      process.stderr.write(`${task.next(result)}\n`);
    },
  });
  const interrupted = Promise.withResolvers<never>();
  let isStopping = false;
  const takeOff = onStopSignal((signal) => {
    const hint = interruptedHint === undefined ? {} : { hint: interruptedHint };
    const error = new HoldfastError("interrupted", undefined, { signal, ...hint });
    isStopping = true;
    void batch.stop().then(() => interrupted.reject(error));
  });
  try {
    // What ended because it was stopped is no end of its own.
    const done = batch.done.then((summary) => (isStopping ? interrupted.promise : summary));
    const ended = await Promise.race([done, interrupted.promise]);
    const summary = {
      ...ended,
      files: ended.files + task.failed.length,
      failed: [...task.failed, ...ended.failed],
    };
    report.finish(summary);
    isFinished = !mayGoOn(summary);
    const [only] = summary.failed;
    if (only && !isMany) throw only.error;
    requireAll(summary, verb);
  } finally {
    report.stop();
    takeOff();
    await end(isFinished);
  }
}

/** Whether the same command could bring more than this time. */
function mayGoOn({ failed, untried }: Summary): boolean {
  return untried > 0 || failed.some(({ error }) => exitCodeOf(error) === EXIT.gaveUp);
}

export interface Noted {
  readonly servers: readonly string[];
  /** Another command about the same takes its place. */
  readonly about: readonly string[];
  /** Options that it had not from its words. */
  readonly settled?: readonly string[];
  /** For the process that is at the same. */
  readonly isWaiting: boolean;
}

/** A command over several files, to be found again as it was typed; of one file its own checkpoint tells. */
export function noteOf(
  client: Client,
  jobs: readonly Job[],
  { servers, about, settled = [], isWaiting }: Noted,
): Pick<TransferTask, "note"> {
  const words = withOptions(process.argv.slice(2), settled);
  // What a pipe gave cannot be asked for again.
  if (jobs.length < 2 || words.some(isStandardInput)) return {};
  const command = { words, directory: process.cwd(), servers };
  return {
    async note() {
      const unheard = tellDamage(client);
      const patience = isWaiting ? ({ whenBusy: "wait", onBusy: tellBusy } as const) : {};
      return client.noteCommand(command, about, patience).finally(unheard);
    },
  };
}

function tellBusy(detail: string): void {
  process.stderr.write(`note: ${detail} (transfer_busy)\n`);
}

/** A command's words with more options; what stands behind `--` is none. */
export function withOptions(words: readonly string[], more: readonly string[]): readonly string[] {
  const end = words.indexOf("--");
  return end < 0 ? [...words, ...more] : words.toSpliced(end, 0, ...more);
}

function isStandardInput(word: string): boolean {
  return word === "-" || word === "--from-list=-";
}

async function createReport(jobs: readonly Job[], task: TransferTask): Promise<Report> {
  const { verb, options, isMany } = task;
  const { createMeter, systemClock } = await import("@holdfast/client/node");
  const meter = createMeter(systemClock);
  const now = () => performance.now();
  if (options.json) {
    const write = jsonLines(process.stdout);
    const clock = { now, after: systemClock.after };
    return createJsonReport({ write, tasks: jobs, meter, isMany, clock });
  }
  const terminal = createTerminal(process.stderr, process.env, task.color);
  if (options.quiet) return createQuietReport(terminal, isMany);
  const detail: Detail = options.verbose ? "verbose" : "normal";
  return isMany
    ? createManyReport({ terminal, verb, detail, tasks: jobs, meter, now })
    : createTextReport(terminal, verb, detail, now);
}

/** A program gets names as they are, a terminal what it can show. */
function shownLine(line: string): string {
  return process.stdout.isTTY ? line.split("\t").map(printable).join("\t") : line;
}
