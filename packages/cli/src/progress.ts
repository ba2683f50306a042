// How far a transfer is, as a line for a person.
import { formatDuration } from "./durations.ts";
import { formatRate, formatSize } from "./sizes.ts";
import type { Terminal } from "./terminal.ts";
import { cutEnd, cutStart, padEnd, widthOf } from "./width.ts";

/** All that a line shows. Sizes in bytes. */
export interface View {
  readonly committed: number;
  /** Given to the network and not committed yet; only ever shown as such. */
  readonly sent: number;
  /** Undefined while nobody knows it: of what comes through standard input, until its end. */
  readonly size: number | undefined;
  /** Bytes a second; 0 where not known yet. */
  readonly rate: number;
  /** Seconds. */
  readonly left: number | undefined;
  /** What happens instead of bytes moving, such as waiting for the server. */
  readonly standing: string | undefined;
  /** That is not how it should be, and news to whoever reads the log. */
  readonly isTrouble: boolean;
  /** Of several files: how many of them are done. */
  readonly counts?: string;
}

/** What a line is drawn with. */
export type Look = Pick<Terminal, "hasColor" | "hasUnicode"> & { readonly columns: number };

const BAR_MIN = 10;
const BAR_MAX = 30;
const NAME_MIN = 8;
const NAME_MAX = 40;

/** Whole percents, rounded down: 100 % is said only of a transfer that is whole. Undefined where the size is not known. */
export function percentOf({ committed, size }: View): number | undefined {
  if (size === undefined) return undefined;
  if (size <= 0) return committed >= size ? 100 : 0;
  return Math.min(100, Math.max(0, Math.floor((committed / size) * 100)));
}

/** The line that is drawn again and again; never longer than `columns` less one, so that no terminal wraps it. */
export function progressLine(view: View, look: Look): string {
  const facts = factsOf(view);
  const percent = percentOf(view);
  if (percent === undefined) return cutEnd(`      ${facts}`, look.columns - 1);
  const shown = `${percent}%`.padStart(4);
  const room = look.columns - 1 - shown.length - widthOf(facts) - 4;
  if (room < BAR_MIN) return narrowLine(view, shown, look.columns - 1);
  return `${shown}  ${bar(percent, Math.min(BAR_MAX, room), look)}  ${facts}`;
}

/** The line of one of several files: its name, then how far it is. */
export function fileLine(name: string, view: View, look: Look): string {
  const wide = Math.max(NAME_MIN, Math.min(NAME_MAX, Math.floor(look.columns * 0.35)));
  if (look.columns < NAME_MIN + 8) return cutEnd(name, look.columns - 1);
  const shown = padEnd(cutStart(name, wide, look.hasUnicode ? "…" : "..."), wide);
  return `${shown} ${progressLine(view, { ...look, columns: look.columns - wide - 1 })}`;
}

/** Without a bar: as many facts as fit, each of them whole. What stands in the way comes before the sizes, so that it is the last thing to be left out. */
function narrowLine(view: View, percent: string, columns: number): string {
  const { standing } = view;
  const facts = standing === undefined ? factList(view) : [standing, sizesOf(view)];
  let line = percent;
  for (const fact of facts) {
    const longer = `${line}  ${fact}`;
    if (widthOf(longer) > columns) break;
    line = longer;
  }
  if (line !== percent) return line;
  // Not even the first: what there is of it.
  const [first = ""] = standing === undefined ? [formatSize(view.committed)] : facts;
  return cutEnd(`${percent}  ${first}`, columns);
}

/** The same for a log: no bar, nothing to be drawn over. */
export function plainLine(view: View): string {
  const percent = percentOf(view);
  return percent === undefined ? factsOf(view) : `${percent}%  ${factsOf(view)}`;
}

function sizesOf({ committed, size }: View): string {
  return size === undefined
    ? formatSize(committed)
    : `${formatSize(committed)} of ${formatSize(size)}`;
}

function factsOf(view: View): string {
  return factList(view).join("  ");
}

function factList(view: View): readonly string[] {
  const facts = [sizesOf(view)];
  if (view.standing !== undefined) facts.push(view.standing);
  else if (view.rate > 0) {
    facts.push(formatRate(view.rate));
    if (view.left !== undefined) facts.push(`${formatDuration(view.left * 1000)} left`);
  } else if (view.sent > 0) facts.push(`${formatSize(view.sent)} on the way`);
  if (view.counts !== undefined) facts.push(view.counts);
  return facts;
}

function bar(percent: number, width: number, look: Look): string {
  const filled = Math.floor((percent * width) / 100);
  const [full, empty] = look.hasUnicode ? ["━", "─"] : ["#", "."];
  const [done, rest] = [full.repeat(filled), empty.repeat(width - filled)];
  return look.hasColor ? `\u001b[32m${done}\u001b[0m\u001b[2m${rest}\u001b[0m` : done + rest;
}
