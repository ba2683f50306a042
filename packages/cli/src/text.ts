// What a person reads of one transfer: a line of progress, what stands in the way, how it ended.
import type { Result } from "@holdfast/client";
import type { HoldfastError } from "@holdfast/protocol";
import { formatElapsed } from "./durations.ts";
import { type Followed, follow } from "./follow.ts";
import { hintOf, lastTrouble } from "./hint.ts";
import { createPainter } from "./painter.ts";
import { plainLine, progressLine } from "./progress.ts";
import type { Report } from "./report.ts";
import { formatRate, formatSize } from "./sizes.ts";
import { printable, type Terminal } from "./terminal.ts";

export type Verb = "Uploaded" | "Downloaded" | "Repaired" | "Completed";

/** How much of what happens is told to a person. */
export type Detail = "quiet" | "normal" | "verbose";

/** What the failure itself does not say. */
const WITHOUT_CHECKPOINT =
  "  The transfer goes on without it; HOLDFAST_STATE_DIR can name another directory.";

/** `now` in milliseconds, monotonic. */
export function createTextReport(
  terminal: Terminal,
  verb: Verb,
  detail: Detail,
  now: () => number,
): Report {
  let followed: Followed | undefined;
  const painter = createPainter(terminal, {
    lines(columns) {
      const view = followed?.view();
      return view ? [progressLine(view, { ...terminal, columns })] : [];
    },
    plain() {
      const view = followed?.view();
      return view ? plainLine(view) : "";
    },
  });
  return {
    begin(_task, transfer) {
      followed = follow(transfer, now, {
        created: ({ isResumed }) => isResumed && painter.say("Going on where it stopped."),
        retry: (trouble) => detail === "verbose" && painter.say(retryLine(trouble)),
        notice: (notice) => sayNotice(painter.say, notice),
        news: () => painter.news(),
      });
    },
    end(_task, outcome) {
      painter.stop();
      if (outcome.kind === "complete")
        terminal.write(`${summary(verb, outcome.result, outcome.isSkipped)}\n`);
    },
    say: (line) => painter.say(line),
    aside: (write) => painter.aside(write),
    // One transfer's end says it all.
    finish: () => undefined,
    stop: () => painter.stop(),
  };
}

type Say = (line: string) => void;

export function sayNotice(
  say: Say,
  { code, detail }: { code: string; detail: string },
  name = "",
): void {
  say(`note: ${printable(name === "" ? detail : `${name}: ${detail}`)} (${code})`);
  if (code === "checkpoint_failed") say(WITHOUT_CHECKPOINT);
}

export function retryLine(trouble: {
  readonly code: string;
  readonly detail: string;
  readonly attempt: number;
  readonly waitMs: number;
}): string {
  const { code, detail, attempt, waitMs } = trouble;
  return `try ${attempt} failed: ${printable(detail)} (${code}); the next one in ${formatElapsed(waitMs)}`;
}

function summary(
  verb: Verb,
  { size, bytesSent, resumedBytes, seconds }: Result,
  isSkipped: boolean,
): string {
  const moved = size - resumedBytes;
  if (verb === "Repaired" && (isSkipped || size === 0)) return "Nothing to repair.";
  if (isSkipped) return `${verb} already: nothing had to cross the network.`;
  const rate = moved > 0 ? `, ${formatRate(moved / seconds)}` : "";
  const facts = [`${verb} ${formatSize(size)} in ${formatElapsed(seconds * 1000)}${rate}`];
  const there = verb === "Repaired" ? "were good" : "were there already";
  if (resumedBytes > 0) facts.push(`${formatSize(resumedBytes)} ${there}`);
  if (bytesSent > moved) facts.push(`${formatSize(bytesSent - moved)} crossed the network twice`);
  return `${facts.join("; ")}.`;
}

/** Codes that are of no use to whoever reads the message. */
const PLAIN: ReadonlySet<HoldfastError["code"]> = new Set([
  "usage",
  "interrupted",
  "transfers_failed",
]);

/** What happened, and what to do about it. */
export function errorText(error: HoldfastError): string {
  const lines = [`holdfast: ${printable(error.message.trim())}`, `  ${hintOf(error)}`];
  // Its message stands in the first line already.
  const trouble = lastTrouble(error);
  if (trouble) lines.push(`  Before that (${trouble.code}): ${trouble.hint}`);
  // A fault of our own cannot be mended by whoever sees it, only reported: with all that is known.
  if (error.cause instanceof Error && error.code === "internal") lines.push(`${error.cause.stack}`);
  if (!PLAIN.has(error.code)) lines.push(`  (${error.code})`);
  return `${lines.join("\n")}\n`;
}
