// Keeps the progress of one transfer in sight: a line drawn in place on a terminal, a line now and then in a log.
import { plainLine, progressLine, type View } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

const DRAW_MS = 100;
const LOG_MS = 10_000;
const CLEAR = "\r\u001b[K";

export interface Painter {
  show(view: View): void;
  /** A line of its own that stays. */
  say(line: string): void;
  /** Nothing is drawn any more; what was drawn is cleared away. */
  stop(): void;
}

export function createPainter(terminal: Terminal): Painter {
  return terminal.isLive ? createLivePainter(terminal) : createLogPainter(terminal);
}

function createLivePainter(terminal: Terminal): Painter {
  let view: View | undefined;
  let shown = "";
  const draw = (): void => {
    const line = view ? progressLine(view, terminal) : "";
    if (line === shown) return;
    terminal.write(`${CLEAR}${line}`);
    shown = line;
  };
  const timer = setInterval(draw, DRAW_MS);
  return {
    show(next) {
      view = next;
    },
    say(line) {
      terminal.write(`${shown === "" ? "" : CLEAR}${line}\n`);
      shown = "";
      draw();
    },
    stop() {
      clearInterval(timer);
      if (shown !== "") terminal.write(CLEAR);
      shown = "";
    },
  };
}

function createLogPainter(terminal: Terminal): Painter {
  let view: View | undefined;
  let shown = "";
  const log = (): void => {
    const line = view ? plainLine(view) : "";
    if (line !== shown) terminal.write(`${line}\n`);
    shown = line;
  };
  const timer = setInterval(log, LOG_MS);
  return {
    show(next) {
      const isNews =
        next.isTrouble !== (view?.isTrouble ?? false) ||
        (next.isTrouble && next.standing !== view?.standing);
      view = next;
      // That it waits, for what, and that it goes on again is news by itself; a number that grew is not.
      if (isNews) log();
    },
    say: (line) => terminal.write(`${line}\n`),
    stop: () => clearInterval(timer),
  };
}
