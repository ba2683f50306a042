// --quiet: nothing but what failed, and that only of several files; of one, the command's own error says it.
import type { Report } from "./report.ts";
import type { Terminal } from "./terminal.ts";
import { failureLine } from "./text-many.ts";

export function createQuietReport(terminal: Terminal, isMany: boolean): Report {
  return {
    begin: () => undefined,
    end(task, outcome) {
      if (isMany && outcome.kind === "failed") {
        terminal.write(`${failureLine(task.label, outcome.error)}\n`);
      }
    },
    say: () => undefined,
    aside: (write) => write(),
    finish: () => undefined,
    stop: () => undefined,
  };
}
