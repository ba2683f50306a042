// `--json`: one JSON object a line on standard output, and nothing else there. docs/cli.md has the schema.
import type { Meter, Transfer, TransferEvents } from "@holdfast/client";
import type { HoldfastError } from "@holdfast/protocol";
import { follow } from "./follow.ts";
import { hintOf, lastTrouble } from "./hint.ts";
import type { Report, Task } from "./report.ts";
import { createThrottle, type Throttle, type ThrottleClock } from "./throttle.ts";
import { createTotals } from "./totals.ts";

/** Stands in every line. A field may join; one that goes or changes its meaning is another version. */
const VERSION = 1;
/** Progress comes with every commit; a reader needs it a few times a second. */
const PROGRESS_MS = 250;
/** All files together are told of this often, where there are several. */
const TOTAL_MS = 1_000;

export type WriteLine = (event: Readonly<Record<string, unknown>>) => void;

export function jsonLines(output: { write(text: string): unknown }): WriteLine {
  return ({ event, ...fields }) =>
    void output.write(`${JSON.stringify({ event, v: VERSION, ...fields })}\n`);
}

export interface JsonOptions {
  readonly write: WriteLine;
  readonly tasks: readonly Task[];
  readonly meter: Meter;
  /** Every line says which file it is about, and there is a sum. */
  readonly isMany: boolean;
  readonly clock: ThrottleClock;
}

export function createJsonReport({ write, tasks, meter, isMany, clock }: JsonOptions): Report {
  const totals = createTotals(tasks, meter);
  const nameOf = (task: Task) => (isMany ? { path: task.label } : {});
  const running = new Map<Task, Throttle>();
  const writeTotal = () => {
    const { rate, left, ...figures } = totals.figures();
    write({ event: "total", ...figures, size: figures.size ?? null, ...pace(rate, left) });
  };
  const total = createThrottle(clock, TOTAL_MS, writeTotal, clock.now());
  const tellTotal = () => {
    if (isMany) total.changed();
  };

  return {
    begin(task, transfer) {
      totals.begin(task);
      transfer.on("created", ({ size }) => totals.sized(task, size));
      transfer.on("progress", (progress) => {
        totals.seen(task, progress);
        tellTotal();
      });
      running.set(task, tell(transfer, nameOf(task), write, clock));
    },
    end(task, outcome) {
      finishTelling(running.get(task));
      running.delete(task);
      totals.end(task, outcome);
      tellTotal();
      if (outcome.kind === "failed") {
        // Of one file the command's own last line says it.
        if (isMany) write({ ...errorLine(outcome.error), event: "failed", ...nameOf(task) });
        return;
      }
      const { id, url, size, root, bytesSent, bytesCommitted, seconds } = outcome.result;
      const figures = { bytesSent, bytesCommitted, seconds: milliseconds(seconds) };
      const { isSkipped: skipped } = outcome;
      write({ event: "complete", ...nameOf(task), id, url, size, root, ...figures, skipped });
    },
    say: () => undefined,
    aside: (write) => write(),
    finish({ failed, seconds, ...figures }) {
      if (!isMany) return;
      total.stop();
      write({
        event: "summary",
        ...figures,
        failed: failed.length,
        seconds: milliseconds(seconds),
      });
    },
    stop() {
      for (const one of [...running.values(), total]) finishTelling(one);
    },
  };
}

function finishTelling(one: Throttle | undefined): void {
  one?.flush();
  one?.stop();
}

function milliseconds(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}

function pace(rate: number, left: number | undefined): Readonly<Record<string, unknown>> {
  return { rate: Math.round(rate), secondsLeft: left === undefined ? null : Math.round(left) };
}

function tell(
  transfer: Transfer,
  name: Readonly<Record<string, string>>,
  write: WriteLine,
  clock: ThrottleClock,
): Throttle {
  let state = "opening";
  let last: TransferEvents["progress"] | undefined;
  const progress = createThrottle(clock, PROGRESS_MS, () => {
    if (!last) return;
    const { committed, sent, size = null, rate, eta } = last;
    write({ event: "progress", ...name, committed, sent, size, ...pace(rate, eta), state });
  });
  transfer.on("state", (next) => {
    state = next;
  });
  follow(transfer, () => clock.now(), {
    created({ id, url, size, isResumed }) {
      write({ event: "created", ...name, id, url, size: size ?? null, resumed: isResumed });
    },
    progress(figures) {
      last = figures;
      if (figures.committed === figures.size) progress.flush("urgent");
      else progress.changed();
    },
    retry: ({ code, detail, attempt, waitMs }) =>
      write({ event: "retry", ...name, code, message: detail, attempt, waitMs }),
    notice: ({ code, detail }) => write({ event: "notice", ...name, code, message: detail }),
  });
  return progress;
}

export function errorLine(error: HoldfastError): Readonly<Record<string, unknown>> {
  const last = lastTrouble(error);
  return {
    event: "error",
    code: error.code,
    message: error.message,
    hint: hintOf(error),
    ...(last ? { last } : {}),
  };
}
