// `holdfast sweep`: lets a server remove what has ended now, or tells what would go.
import type { SweepReport, Swept } from "@holdfast/protocol";
import { Command } from "commander";
import { ASK_SETTINGS, ASK_WORDS, withClient } from "./asking.ts";
import { jsonLines } from "./json.ts";
import { readSettings, withSettings } from "./settings/options.ts";
import { formatSize } from "./sizes.ts";

interface Options {
  readonly dryRun?: true;
  readonly now?: true;
  readonly unrecorded?: true;
  readonly json?: true;
}

const HELP = `
Examples:
  holdfast sweep --dry-run
  holdfast sweep --to https://files.example.org

A server sweeps by itself every half an hour: uploads that nobody went on with
for a day, what was aborted, and files that were removed. It takes a token with
the scope admin.`;

export function sweepCommand(): Command {
  const command = new Command("sweep")
    .summary("remove what has ended from a server")
    .description("let a server remove what has ended now, or tell what would go");
  return withSettings(command, ASK_SETTINGS, ASK_WORDS)
    .option("--dry-run", "only tell; nothing is removed")
    .option("--now", "the server's clock is right, although it has jumped: believe it at once")
    .option("--unrecorded", "let go also what lies in its bucket and no record knows")
    .option("--json", "print one JSON object on standard output")
    .addHelpText("after", HELP)
    .action(runSweep);
}

async function runSweep(
  { dryRun, now, unrecorded, json }: Options,
  command: Command,
): Promise<void> {
  const settings = await readSettings(command, ASK_SETTINGS);
  const to = settings.required("to");
  const report = await withClient(settings, ({ client, options }) =>
    client.sweep({
      ...{ ...options, to, isDryRun: dryRun === true, isNow: now === true },
      takesUnrecorded: unrecorded === true,
    }),
  );
  if (json) jsonLines(process.stdout)({ event: "sweep", ...report });
  else process.stdout.write(sweepText(report, unrecorded === true));
}

const LATER = "They go once they are a day old and were seen ten minutes before: run this again.";
const ON_DEMAND =
  "Perhaps these records are older than they should be; if not, --unrecorded lets them go.";

function rowOf({ count, bytes }: Swept, what: string): string {
  return `${String(count).padStart(8)}  ${formatSize(bytes).padStart(9)}  ${what}`;
}

function sweepText(report: SweepReport, takesUnrecorded: boolean): string {
  const { isDryRun, failed, isWhole, isHeld } = report;
  const rows = (
    [
      ["expired", "uploads whose time is over"],
      ["removed", "ended uploads"],
      ["erased", "removed files"],
      ["forgotten", "records"],
      ["left", "objects that were left in the store"],
    ] as const
  ).map(([name, what]) => rowOf(report[name], what));
  const lines = [isDryRun ? "Would go:" : "Gone:", ...rows];
  if (report.unrecorded.count > 0) {
    lines.push("Stays:", rowOf(report.unrecorded, "objects in the store that no record knows"));
    lines.push(takesUnrecorded ? LATER : ON_DEMAND);
  }
  if (failed > 0)
    lines.push(`${String(failed).padStart(8)}  could not be removed; the server's log says why`);
  if (!isWhole) lines.push("There is more: it is swept by and by, or run this again.");
  if (isHeld)
    lines.push(
      "Nothing ended by time: the server's clock has jumped. If it is right, --now says so.",
    );
  return `${lines.join("\n")}\n`;
}
