// What the other end of an output can show.

export interface Terminal {
  write(text: string): void;
  /** Width in columns, as it is now. */
  columns(): number;
  /** Height in lines, as it is now. */
  rows(): number;
  /** A line can be drawn again in place. */
  readonly isLive: boolean;
  readonly hasColor: boolean;
  readonly hasUnicode: boolean;
}

/** The part of a stream that matters; process.stderr has it. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/** Reads NO_COLOR, TERM and the locale from `env` as other programs do; `color` is the setting of that name. */
export function createTerminal(
  output: Output,
  env: Readonly<Record<string, string | undefined>>,
  color = "auto",
): Terminal {
  const isLive = output.isTTY === true && env["TERM"] !== "dumb";
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "";
  return {
    write: (text) => void output.write(text),
    // A terminal that does not know its size says 0.
    columns: () => output.columns || 80,
    rows: () => output.rows || 24,
    isLive,
    hasColor: color === "always" || (color === "auto" && isLive && !env["NO_COLOR"]),
    hasUnicode: /utf-?8/i.test(locale),
  };
}

/** Text from elsewhere (file names, a server's answers) made fit for a terminal: a control character in it could draw or type anything. */
export function printable(text: string): string {
  // Joiners hold emoji and some scripts together, and drive nothing.
  return text.replace(/(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, "\ufffd");
}
