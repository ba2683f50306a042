// How many columns a text takes on a terminal, and texts cut to fit: by what a person sees as one character.

const SEGMENTER = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** What takes no column: marks, joiners, controls. */
const NO_WIDTH = /^[\p{M}\p{Cc}\p{Cf}]+$/u;
/** What takes two: East Asian wide and fullwidth ranges (Unicode TR 11), and emoji that are shown as pictures. */
const WIDE =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\p{Emoji}\ufe0f|\p{Regional_Indicator})/u;

/** Colours and other commands to the terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what these begin with.
const COMMANDS = /\u001b\[[0-9;?]*[A-Za-z]/g;

function widthOfOne(grapheme: string): number {
  if (NO_WIDTH.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}

/** Columns of a text; commands in it take none. */
export function widthOf(text: string): number {
  const plain = text.replace(COMMANDS, "");
  // Most texts are of the plainest kind.
  if (/^[\x20-\x7e]*$/.test(plain)) return plain.length;
  let width = 0;
  for (const { segment } of SEGMENTER.segment(plain)) width += widthOfOne(segment);
  return width;
}

/** The beginning of a text without commands, in at most so many columns. */
export function cutEnd(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let kept = "";
  let left = columns;
  for (const { segment } of SEGMENTER.segment(text)) {
    left -= widthOfOne(segment);
    if (left < 0) break;
    kept += segment;
  }
  return kept;
}

/** The end of a text, which of a path says more than its beginning, in at most so many columns. */
export function cutStart(text: string, columns: number, ellipsis: string): string {
  if (widthOf(text) <= columns) return text;
  const segments = [...SEGMENTER.segment(text)].map(({ segment }) => segment);
  let left = columns - widthOf(ellipsis);
  if (left <= 0) return cutEnd(ellipsis, columns);
  let from = segments.length;
  for (; from > 0; from--) {
    left -= widthOfOne(segments[from - 1] ?? "");
    if (left < 0) break;
  }
  return ellipsis + segments.slice(from).join("");
}

/** Filled up with blanks. */
export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - widthOf(text)));
}
