// `--json`: one JSON object a line on standard output, and nothing else there.
import type { HoldfastError } from "@holdfast/protocol";
import { hintOf, lastTrouble } from "./hint.ts";
import type { Report } from "./report.ts";

/** Progress comes with every commit; a reader needs it a few times a second. */
const PROGRESS_MS = 250;

export type WriteLine = (event: Readonly<Record<string, unknown>>) => void;

export function jsonLines(output: { write(text: string): unknown }): WriteLine {
  return (event) => void output.write(`${JSON.stringify(event)}\n`);
}

/** `now` in milliseconds, monotonic. */
export function createJsonReport(write: WriteLine, now: () => number): Report {
  let state = "opening";
  let toldAt = Number.NEGATIVE_INFINITY;
  return {
    follow(transfer) {
      transfer.on("created", ({ id, url, size, isResumed }) =>
        write({ event: "created", id, url, size, resumed: isResumed }),
      );
      transfer.on("state", (next) => {
        state = next;
      });
      transfer.on("progress", ({ committed, sent, size, rate, eta }) => {
        const isWhole = committed === size;
        if (!isWhole && now() - toldAt < PROGRESS_MS) return;
        toldAt = now();
        write({
          event: "progress",
          committed,
          sent,
          size,
          rate: Math.round(rate),
          secondsLeft: eta === undefined ? null : Math.round(eta),
          state,
        });
      });
      transfer.on("retry", ({ code, detail, attempt, waitMs }) =>
        write({ event: "retry", code, message: detail, attempt, waitMs }),
      );
      transfer.on("notice", ({ code, detail }) =>
        write({ event: "notice", code, message: detail }),
      );
    },
    done({ id, url, size, root, bytesSent, bytesCommitted, seconds }) {
      const rounded = Math.round(seconds * 1000) / 1000;
      const figures = { bytesSent, bytesCommitted, seconds: rounded };
      write({ event: "complete", id, url, size, root, ...figures });
    },
    say: () => undefined,
    stop: () => undefined,
  };
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
