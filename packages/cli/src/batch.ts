// Runs the transfers of a command, a few at a time: what fails is told and the others go on.
import type { Result, Transfer } from "@holdfast/client";
import { type ErrorCode, HoldfastError, toHoldfastError } from "@holdfast/protocol";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { follow } from "./follow.ts";
import type { Outcome, Report, Summary, Task } from "./report.ts";
import { formatCount } from "./totals.ts";

/** One file to be moved. */
export interface Job extends Task {
  /** May take a while, and fail. The signal fires when the command is told to stop. */
  start(signal: AbortSignal): Promise<Transfer>;
  /** What cannot be gone on with is taken back when the command is told to stop. */
  readonly onStop: "pause" | "abort";
  /** For standard output when it is complete: what the next program in a script needs, if anything. */
  line(result: Result): string | undefined;
}

/** A small file costs hardly more than the waiting for its answers, so that more of them go side by side. */
export interface FilesAtATime {
  readonly large: number;
  /** Both kinds together; not less than `large`. */
  readonly all: number;
}

/** From this size on a file is a large one, and where its size is not known; in bytes. */
const LARGE = 2 ** 20;

export interface BatchOptions {
  /** Files at a time. */
  readonly files: FilesAtATime;
  readonly report: Report;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** A file is there: what the next program in a script needs. */
  readonly onComplete: (job: Job, outcome: Extract<Outcome, { kind: "complete" }>) => void;
}

export interface Batch {
  /** Resolves when every transfer has ended, or none is begun any more. */
  readonly done: Promise<Summary>;
  /** Begins nothing more and stops what runs; resolves when what has to be taken back is. */
  stop(): Promise<void>;
}

/** What one meets, every other one would meet too: to try them all would only take long. */
const FOR_ALL: ReadonlySet<ErrorCode> = new Set([
  "unauthorized",
  "forbidden",
  "insecure_transport",
  "wrong_address",
  "certificate_untrusted",
  "gave_up",
  "usage",
]);

export function startBatch(jobs: readonly Job[], options: BatchOptions): Batch {
  const { files, report, now, onComplete } = options;
  const startedAt = now();
  const stopping = new AbortController();
  const running = new Map<Job, Transfer>();
  const failed: { readonly label: string; readonly error: HoldfastError }[] = [];
  const queue: (() => void)[] = [];
  let large = 0;
  let next = 0;
  let isOver = false;
  let [complete, skipped, bytes, skippedBytes, resumedBytes, bytesSent] = [0, 0, 0, 0, 0, 0];

  function count(job: Job, outcome: Outcome): void {
    if (outcome.kind === "failed") {
      failed.push({ label: job.label, error: outcome.error });
      if (FOR_ALL.has(outcome.error.code)) isOver = true;
      return;
    }
    bytesSent += outcome.result.bytesSent;
    if (outcome.isSkipped) {
      skipped++;
      skippedBytes += outcome.result.size;
    } else {
      complete++;
      bytes += outcome.result.size;
      resumedBytes += outcome.result.resumedBytes;
    }
  }

  async function attempt(job: Job): Promise<Outcome> {
    try {
      const transfer = await job.start(stopping.signal);
      running.set(job, transfer);
      const { isSkipped } = follow(transfer, now, {});
      report.begin(job, transfer);
      const result = await transfer.done;
      return { kind: "complete", result, isSkipped: isSkipped() };
    } catch (error) {
      return { kind: "failed", error: toHoldfastError(error) };
    } finally {
      running.delete(job);
    }
  }

  /** Waits for room among the large ones; the returned function gives it back. */
  async function enter({ size = LARGE }: Job): Promise<() => void> {
    if (size < LARGE) return () => undefined;
    if (large < files.large) large++;
    // Whoever leaves hands its room over.
    else await new Promise<void>((resolve) => queue.push(resolve));
    return () => {
      const following = queue.shift();
      if (following) following();
      else large--;
    };
  }

  async function lane(): Promise<void> {
    for (let job = jobs[next++]; job && !isOver; job = jobs[next++]) {
      const leave = await enter(job);
      if (isOver) return leave();
      const outcome = await attempt(job);
      leave();
      if (stopping.signal.aborted) return;
      count(job, outcome);
      report.end(job, outcome);
      if (outcome.kind === "complete") onComplete(job, outcome);
    }
  }

  async function all(): Promise<Summary> {
    await Promise.all(Array.from({ length: Math.min(files.all, jobs.length) }, lane));
    const untried = jobs.length - complete - skipped - failed.length;
    const seconds = (now() - startedAt) / 1000;
    const counts = { complete, skipped, untried };
    const sizes = { bytes, skippedBytes, resumedBytes, bytesSent };
    return { files: jobs.length, failed, ...counts, ...sizes, seconds };
  }

  return {
    done: all(),
    async stop() {
      isOver = true;
      stopping.abort(new HoldfastError("interrupted"));
      const ended = [...running].map(async ([job, transfer]) => {
        if (job.onStop === "pause") return transfer.pause();
        transfer.abort();
        await transfer.done.catch(() => undefined);
      });
      await Promise.all(ended);
    },
  };
}

/** A failure of some is one of the command, and its exit code is theirs where they agree. @throws HoldfastError `transfers_failed` */
export function requireAll({ files, failed, untried }: Summary, verb: string): void {
  if (failed.length === 0) return;
  const codes = new Set(failed.map(({ error }) => exitCodeOf(error)));
  const [code = EXIT.other] = codes.size === 1 ? codes : [];
  const rest = untried > 0 ? `; ${formatCount(untried)} were not begun` : "";
  const what = `${formatCount(failed.length)} of ${formatCount(files)} files were not ${verb.toLowerCase()}${rest}`;
  throw new HoldfastError("transfers_failed", what, { exitCode: code });
}
