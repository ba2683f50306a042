// Keeps progress in sight: a few lines drawn in place on a terminal, a line now and then in a log.
import type { Terminal } from "./terminal.ts";
import { widthOf } from "./width.ts";

/** Columns that stay free: a terminal writes `^C` behind the last line, and must not wrap it. */
const TYPED_COLUMNS = 2;
const DRAW_MS = 100;
const LOG_MS = 10_000;

/** What is to be seen now. */
export interface Scene {
  /** Lines of at most `columns` less one, at most `rows` of them. */
  lines(columns: number, rows: number): readonly string[];
  /** The same in one line for a log; empty where there is nothing to say yet. */
  plain(): string;
}

export interface Painter {
  /** Something happened that is worth a line in a log of its own. */
  news(): void;
  /** A line of its own that stays. */
  say(line: string): void;
  /** Lets something else write to the same terminal, such as a result on standard output. */
  aside(write: () => void): void;
  /** Nothing is drawn any more; what was drawn is cleared away. */
  stop(): void;
}

export function createPainter(terminal: Terminal, scene: Scene): Painter {
  return terminal.isLive ? createLivePainter(terminal, scene) : createLogPainter(terminal, scene);
}

function createLivePainter(terminal: Terminal, scene: Scene): Painter {
  let shown: readonly string[] = [];
  let isOver = false;
  const draw = (): void => {
    // One row is left for the line that the cursor would be on, and one for what was typed.
    const columns = terminal.columns() - TYPED_COLUMNS;
    const lines = isOver ? [] : scene.lines(columns, Math.max(1, terminal.rows() - 2));
    if (lines.length === shown.length && lines.every((line, at) => line === shown[at])) return;
    terminal.write(clearing(shown, terminal.columns()) + lines.join("\n"));
    shown = lines;
  };
  const timer = setInterval(draw, DRAW_MS);
  const aside = (write: () => void): void => {
    const clear = clearing(shown, terminal.columns());
    if (clear !== "") terminal.write(clear);
    shown = [];
    write();
    draw();
  };
  return {
    news: () => undefined,
    say: (line) => aside(() => terminal.write(`${line}\n`)),
    aside,
    stop() {
      clearInterval(timer);
      aside(() => {
        isOver = true;
      });
    },
  };
}

/** Goes back to where the first line begins, and clears from there on. A terminal that has become narrower has wrapped what was drawn. */
function clearing(shown: readonly string[], columns: number): string {
  if (shown.length === 0) return "";
  const rows = shown.reduce(
    (sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / columns)),
    0,
  );
  return `\r${rows > 1 ? `\u001b[${rows - 1}A` : ""}\u001b[J`;
}

function createLogPainter(terminal: Terminal, scene: Scene): Painter {
  let shown = "";
  const log = (): void => {
    const line = scene.plain();
    if (line !== shown && line !== "") terminal.write(`${line}\n`);
    shown = line;
  };
  const timer = setInterval(log, LOG_MS);
  return {
    news: log,
    say: (line) => terminal.write(`${line}\n`),
    aside: (write) => write(),
    stop: () => clearInterval(timer),
  };
}
