// What a person reads of many transfers: a bar for each that takes its time, one line for all of them, what failed.
import type { Meter } from "@holdfast/client";
import type { HoldfastError } from "@holdfast/protocol";
import { formatElapsed } from "./durations.ts";
import { type Followed, follow } from "./follow.ts";
import { hintOf } from "./hint.ts";
import { createPainter } from "./painter.ts";
import { fileLine, plainLine, progressLine, type View } from "./progress.ts";
import type { Report, Summary, Task } from "./report.ts";
import { formatRate, formatSize } from "./sizes.ts";
import { printable, type Terminal } from "./terminal.ts";
import { type Detail, retryLine, sayNotice, type Verb } from "./text.ts";
import { countsOf, createTotals, formatCount } from "./totals.ts";

/** Bars at most, however high the terminal is. */
const BARS_MAX = 8;
/** A file that is through sooner gets no bar: thousands of small ones would only flicker. In milliseconds. */
const BAR_AFTER_MS = 500;
/** Failures that are named when they happen, and again in the summary; --json names all of them. */
const NAMED_MAX = 20;

interface Active {
  readonly followed: Followed;
  readonly beganAt: number;
}

export interface ManyOptions {
  readonly terminal: Terminal;
  readonly verb: Verb;
  readonly detail: Detail;
  readonly tasks: readonly Task[];
  readonly meter: Meter;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

export function createManyReport(options: ManyOptions): Report {
  const { terminal, verb, detail, tasks, meter, now } = options;
  const totals = createTotals(tasks, meter);
  const active = new Map<Task, Active>();
  let toldFailures = 0;
  let told: string | undefined;

  function total(): View {
    const figures = totals.figures();
    const views = [...active.values()].map(({ followed }) => followed.view());
    const standing = troubleOfAll(views);
    return { ...figures, standing, isTrouble: standing !== undefined, counts: countsOf(figures) };
  }

  const painter = createPainter(terminal, {
    lines(columns, rows) {
      const look = { ...terminal, columns };
      const bars: string[] = [];
      const count = Math.min(BARS_MAX, rows - 1);
      for (const [task, { followed, beganAt }] of active) {
        const view = now() - beganAt < BAR_AFTER_MS ? undefined : followed.view();
        if (view && bars.length < count) bars.push(fileLine(printable(task.label), view, look));
      }
      return [...bars, progressLine(total(), look)];
    },
    plain: () => plainLine(total()),
  });

  return {
    begin(task, transfer) {
      totals.begin(task);
      const followed = follow(transfer, now, {
        created: ({ size }) => totals.sized(task, size),
        progress: (progress) => totals.seen(task, progress),
        retry: (trouble) =>
          detail === "verbose" && painter.say(`${printable(task.label)}: ${retryLine(trouble)}`),
        notice: (notice) => sayNotice(painter.say, notice, task.label),
        // One word for all of them: a server that is away would else be told of by each.
        news: () => isNews(total()) && painter.news(),
      });
      active.set(task, { followed, beganAt: now() });
    },
    end(task, outcome) {
      totals.end(task, outcome);
      active.delete(task);
      if (outcome.kind === "failed") {
        toldFailures++;
        if (toldFailures <= NAMED_MAX) painter.say(failureLine(task.label, outcome.error));
        return;
      }
      if (detail !== "verbose") return;
      const what = outcome.isSkipped ? "there already" : formatSize(outcome.result.size);
      painter.say(`${printable(task.label)}: ${what}`);
    },
    say: (line) => painter.say(line),
    aside: (write) => painter.aside(write),
    finish(summary) {
      painter.stop();
      for (const line of summaryLines(verb, summary)) terminal.write(`${line}\n`);
    },
    stop: () => painter.stop(),
  };

  function isNews({ isTrouble, standing }: View): boolean {
    const next = isTrouble ? standing : undefined;
    const isNew = next !== told;
    told = next;
    return isNew;
  }
}

/** What stands in the way of every one of them, or undefined where one goes on. */
function troubleOfAll(views: readonly (View | undefined)[]): string | undefined {
  const known = views.filter((view) => view !== undefined);
  return known.length > 0 && known.every(({ isTrouble }) => isTrouble)
    ? known[0]?.standing
    : undefined;
}

export function failureLine(label: string, error: HoldfastError): string {
  return `failed: ${printable(label)}: ${printable(error.message.trim())} (${error.code})`;
}

/** `Uploaded 9,997 of 10,000 files, ...` and what failed, with a hint for each kind of failure. */
export function summaryLines(verb: Verb, summary: Summary): readonly string[] {
  const { files, complete, skipped, failed, untried, seconds } = summary;
  const { bytes, skippedBytes, resumedBytes } = summary;
  const moved = bytes - resumedBytes;
  const rate = moved > 0 ? `, ${formatRate(moved / Math.max(seconds, 0.001))}` : "";
  const whole = `${verb} ${formatCount(complete)} of ${formatCount(files)} files`;
  const parts = [`${whole}, ${formatSize(bytes)} in ${formatElapsed(seconds * 1000)}${rate}`];
  if (resumedBytes > 0) parts.push(`${formatSize(resumedBytes)} of them had arrived before`);
  if (skipped > 0) {
    parts.push(`${formatCount(skipped)} skipped (${formatSize(skippedBytes)} were there already)`);
  }
  if (failed.length > 0) parts.push(`${formatCount(failed.length)} failed`);
  if (untried > 0) parts.push(`${formatCount(untried)} not begun`);
  const lines = [`${parts.join("; ")}.`];
  for (const { label, error } of failed.slice(0, NAMED_MAX)) {
    lines.push(`  ${failureLine(label, error)}`);
  }
  if (failed.length > NAMED_MAX) {
    lines.push(`  and ${formatCount(failed.length - NAMED_MAX)} more: --json names all of them`);
  }
  for (const hint of new Set(failed.map(({ error }) => hintOf(error)))) lines.push(`  ${hint}`);
  return lines;
}
