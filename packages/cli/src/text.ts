// What a person reads of a transfer: a line of progress, what stands in the way, how it ended.
import type { Result } from "@holdfast/client";
import { errorRow, type HoldfastError } from "@holdfast/protocol";
import { formatElapsed } from "./durations.ts";
import { hintOf, lastTrouble } from "./hint.ts";
import { createPainter } from "./painter.ts";
import type { Report } from "./report.ts";
import { formatRate, formatSize } from "./sizes.ts";
import { printable, type Terminal } from "./terminal.ts";

type Code = HoldfastError["code"];

/** What is shown while bytes do not move. */
const STANDING: Readonly<Record<string, string>> = {
  opening: "looking at the file",
  creating: "asking the server",
  checking: "asking the server",
  completing: "completing",
  paused: "paused",
};

/** Why it waits, where the error's title would say less. */
const WAITING: Readonly<Partial<Record<Code, string>>> = {
  connection_failed: "waiting for the server (probe every second)",
  storage_full: "waiting for room on the server",
  not_holdfast: "waiting: something else than Holdfast answers",
  shutting_down: "waiting for the server to come back",
};

/** What the failure itself does not say. */
const WITHOUT_CHECKPOINT =
  "  The transfer goes on without it; HOLDFAST_STATE_DIR can name another directory.";

function waiting(code: Code): string {
  return WAITING[code] ?? `waiting: ${errorRow(code).title.toLowerCase()}`;
}

export function createTextReport(terminal: Terminal, verb: "Uploaded" | "Downloaded"): Report {
  const painter = createPainter(terminal);
  return {
    follow(transfer) {
      let view = { committed: 0, sent: 0, size: 0, rate: 0, left: undefined as number | undefined };
      let standing: string | undefined;
      let isKnown = false;
      // Between two tries it asks and completes in vain: that is still the same trouble.
      let isTrouble = false;
      const show = (): void => {
        if (isKnown) painter.show({ ...view, standing, isTrouble });
      };
      transfer.on("created", ({ size, isResumed }) => {
        isKnown = true;
        view = { ...view, size };
        if (isResumed) painter.say("Going on where it stopped.");
        show();
      });
      transfer.on("progress", ({ committed, sent, size, rate, eta }) => {
        isKnown = true;
        view = { committed, sent, size, rate, left: eta };
        show();
      });
      transfer.on("state", (state) => {
        if (state === "sending" || state === "receiving") isTrouble = false;
        if (isTrouble) return;
        standing = STANDING[state];
        show();
      });
      transfer.on("retry", ({ code }) => {
        isTrouble = true;
        standing = waiting(code);
        show();
      });
      transfer.on("notice", ({ code, detail }) => {
        painter.say(`note: ${printable(detail)} (${code})`);
        if (code === "checkpoint_failed") painter.say(WITHOUT_CHECKPOINT);
      });
    },
    done(result) {
      painter.stop();
      terminal.write(`${summary(verb, result)}\n`);
    },
    say: (line) => painter.say(line),
    stop: () => painter.stop(),
  };
}

function summary(verb: string, { size, bytesSent, resumedBytes, seconds }: Result): string {
  if (resumedBytes === size && size > 0)
    return `${verb} already: nothing had to cross the network.`;
  const moved = size - resumedBytes;
  const rate = moved > 0 ? `, ${formatRate(moved / seconds)}` : "";
  const facts = [`${verb} ${formatSize(size)} in ${formatElapsed(seconds * 1000)}${rate}`];
  if (resumedBytes > 0) facts.push(`${formatSize(resumedBytes)} were there already`);
  if (bytesSent > moved) facts.push(`${formatSize(bytesSent - moved)} crossed the network twice`);
  return `${facts.join("; ")}.`;
}

/** Codes that are of no use to whoever reads the message. */
const PLAIN: ReadonlySet<Code> = new Set(["usage", "interrupted"]);

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
