// Says what lay in a directory and is not sent.
import type { Found } from "./files/found.ts";
import { jsonLines } from "./json.ts";
import { printable } from "./terminal.ts";
import { formatCount } from "./totals.ts";
import type { OutputOptions } from "./transfer.ts";

/** Named one by one; what is more is counted. --verbose and --json name all. */
const NAMED_MAX = 5;

export function tellSkipped({ skipped }: Pick<Found, "skipped">, options: OutputOptions): void {
  if (options.json) {
    const write = jsonLines(process.stdout);
    for (const { path, why } of skipped) write({ event: "left", path, why });
    return;
  }
  if (!options.quiet) process.stderr.write(skippedText(skipped, options.verbose === true));
}

export function skippedText(skipped: Found["skipped"], isAll: boolean): string {
  const named = isAll ? skipped : skipped.slice(0, NAMED_MAX);
  const lines = named.map(({ path, why }) => `not sent: ${printable(path)} is ${why}\n`);
  const more = skipped.length - named.length;
  if (more > 0) lines.push(`not sent: ${formatCount(more)} more; --verbose names them\n`);
  return lines.join("");
}
