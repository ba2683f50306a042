// --dry-run: what a command would send, and nothing more.
import type { Found } from "./files/found.ts";
import { jsonLines } from "./json.ts";
import { formatSize } from "./sizes.ts";
import { skippedText } from "./skipped.ts";
import { printable } from "./terminal.ts";
import { failureLine } from "./text-many.ts";
import { formatCount } from "./totals.ts";
import type { OutputOptions } from "./transfer.ts";

export function tellPlan({ files, failures, skipped }: Found, options: OutputOptions): void {
  if (options.json) {
    const write = jsonLines(process.stdout);
    for (const { path, relative, size } of files)
      write({ event: "would-send", path: relative ?? path, size });
    for (const { path, why } of skipped) write({ event: "left", path, why });
    for (const { path, error } of failures)
      write({ event: "failed", path, code: error.code, message: error.message });
    return;
  }
  for (const { path, relative, size } of files) {
    process.stdout.write(`${size}\t${printable(relative ?? path)}\n`);
  }
  if (options.quiet) return;
  process.stderr.write(skippedText(skipped, options.verbose === true));
  for (const { path, error } of failures) process.stderr.write(`${failureLine(path, error)}\n`);
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  process.stderr.write(`Would send ${formatCount(files.length)} files, ${formatSize(bytes)}.\n`);
}
