// How far a transfer is, as a line for a person.
import { formatDuration } from "./durations.ts";
import { formatRate, formatSize } from "./sizes.ts";
import type { Terminal } from "./terminal.ts";

/** All that a line shows. Sizes in bytes. */
export interface View {
  readonly committed: number;
  /** Given to the network and not committed yet; only ever shown as such. */
  readonly sent: number;
  readonly size: number;
  /** Bytes a second; 0 where not known yet. */
  readonly rate: number;
  /** Seconds. */
  readonly left: number | undefined;
  /** What happens instead of bytes moving, such as waiting for the server. */
  readonly standing: string | undefined;
  /** That is not how it should be, and news to whoever reads the log. */
  readonly isTrouble: boolean;
}

const BAR_MIN = 10;
const BAR_MAX = 30;

/** Whole percents, rounded down: 100 % is said only of a transfer that is whole. */
export function percentOf({ committed, size }: View): number {
  if (size <= 0) return committed >= size ? 100 : 0;
  return Math.min(100, Math.max(0, Math.floor((committed / size) * 100)));
}

/** The line that is drawn again and again; never longer than the terminal is wide. */
export function progressLine(view: View, terminal: Terminal): string {
  const percent = `${percentOf(view)}%`.padStart(4);
  const facts = factsOf(view);
  const room = terminal.columns() - 1 - percent.length - facts.length - 4;
  if (room < BAR_MIN) return narrowLine(view, percent).slice(0, terminal.columns() - 1);
  return `${percent}  ${bar(view, Math.min(BAR_MAX, room), terminal)}  ${facts}`;
}

/** Without a bar. What stands in the way comes before the sizes, so that it is the last thing to be cut off. */
function narrowLine(view: View, percent: string): string {
  const { standing } = view;
  return `${percent}  ${standing === undefined ? factsOf(view) : `${standing}  ${sizesOf(view)}`}`;
}

/** The same for a log: no bar, nothing to be drawn over. */
export function plainLine(view: View): string {
  return `${percentOf(view)}%  ${factsOf(view)}`;
}

function sizesOf({ committed, size }: View): string {
  return `${formatSize(committed)} of ${formatSize(size)}`;
}

function factsOf(view: View): string {
  const facts = [sizesOf(view)];
  if (view.standing !== undefined) facts.push(view.standing);
  else if (view.rate > 0) {
    facts.push(formatRate(view.rate));
    if (view.left !== undefined) facts.push(`${formatDuration(view.left * 1000)} left`);
  } else if (view.sent > 0) facts.push(`${formatSize(view.sent)} on the way`);
  return facts.join("  ");
}

function bar(view: View, width: number, terminal: Terminal): string {
  const filled = Math.floor((percentOf(view) * width) / 100);
  const [full, empty] = terminal.hasUnicode ? ["━", "─"] : ["#", "."];
  const [done, rest] = [full.repeat(filled), empty.repeat(width - filled)];
  return terminal.hasColor ? `\u001b[32m${done}\u001b[0m\u001b[2m${rest}\u001b[0m` : done + rest;
}
