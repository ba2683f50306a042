// How far several transfers are together: bytes, files, rate. What was skipped is counted apart from what is moved.
import type { Meter } from "@holdfast/client";
import type { View } from "./progress.ts";
import type { Outcome, Task } from "./report.ts";

export interface Totals {
  begin(task: Task): void;
  /** What it turns out to be. */
  sized(task: Task, size: number | undefined): void;
  /** What a transfer says of itself. */
  seen(task: Task, figures: Pick<View, "committed" | "sent" | "size">): void;
  end(task: Task, outcome: Outcome): void;
  figures(): TotalFigures;
}

/** Sizes in bytes. */
export interface TotalFigures {
  readonly committed: number;
  readonly sent: number;
  /** Undefined while some file's size is not known: a sum that grows would make the rest go back. */
  readonly size: number | undefined;
  /** Bytes a second. */
  readonly rate: number;
  /** Seconds. */
  readonly left: number | undefined;
  readonly files: number;
  readonly complete: number;
  readonly skipped: number;
  readonly skippedBytes: number;
  readonly failed: number;
}

interface Active {
  readonly committed: number;
  readonly sent: number;
  readonly size: number;
  /** Was there when it began. */
  readonly before: number | undefined;
}

const NOTHING = { committed: 0, sent: 0, before: undefined };

export function createTotals(tasks: readonly Task[], meter: Meter): Totals {
  const active = new Map<Task, Active>();
  const unsized = new Set(tasks.filter((task) => task.size === undefined));
  let size = tasks.reduce((sum, task) => sum + (task.size ?? 0), 0);
  let committed = 0;
  /** Of those that have ended: committed by this process. */
  let moved = 0;
  let complete = 0;
  let skipped = 0;
  let skippedBytes = 0;
  let failed = 0;

  /** A file may have grown since it was found, and what comes in a stream is as long as it is so far. */
  function note(
    task: Task,
    known: Active,
    next: Omit<Active, "size">,
    told: number | undefined,
  ): void {
    if (told !== undefined) unsized.delete(task);
    const now = told ?? Math.max(known.size, next.committed + next.sent);
    size += now - known.size;
    active.set(task, { ...next, size: now });
  }

  return {
    begin(task) {
      active.set(task, { ...NOTHING, size: task.size ?? 0 });
    },
    sized(task, told) {
      const known = active.get(task);
      if (known) note(task, known, known, told);
    },
    seen(task, { committed: reached, sent, size: told }) {
      const known = active.get(task);
      if (!known) return;
      note(task, known, { committed: reached, sent, before: known.before ?? reached }, told);
    },
    end(task, outcome) {
      unsized.delete(task);
      const known = active.get(task) ?? { ...NOTHING, size: task.size ?? 0 };
      active.delete(task);
      if (outcome.kind === "complete" && outcome.isSkipped) {
        skipped++;
        skippedBytes += outcome.result.size;
        size -= known.size;
        return;
      }
      const reached = outcome.kind === "complete" ? outcome.result.size : known.committed;
      if (outcome.kind === "complete") complete++;
      else failed++;
      // What failed is not waited for, and what it had reached does not go away: the sum never goes back.
      size += reached - known.size;
      committed += reached;
      moved += reached - (known.before ?? 0);
    },
    figures() {
      let [inFlight, sent, fresh] = [0, 0, 0];
      for (const one of active.values()) {
        inFlight += one.committed;
        sent += one.sent;
        fresh += one.committed - (one.before ?? one.committed);
      }
      const reached = committed + inFlight;
      const rate = meter.rate(moved + fresh);
      const counts = { files: tasks.length, complete, skipped, skippedBytes, failed };
      const common = { committed: reached, rate, ...counts };
      if (unsized.size > 0) return { ...common, sent, size: undefined, left: undefined };
      const missing = Math.max(0, size - reached);
      const left = rate > 0 ? missing / rate : undefined;
      return { ...common, sent: Math.min(sent, missing), size, left };
    },
  };
}

const NUMBER = new Intl.NumberFormat("en");

export function formatCount(count: number): string {
  return NUMBER.format(count);
}

/** `1,203 of 10,000 files, 57 skipped, 1 failed` */
export function countsOf({ files, complete, skipped, failed }: TotalFigures): string {
  const parts = [`${formatCount(complete)} of ${formatCount(files)} files`];
  if (skipped > 0) parts.push(`${formatCount(skipped)} skipped`);
  if (failed > 0) parts.push(`${formatCount(failed)} failed`);
  return parts.join(", ");
}
