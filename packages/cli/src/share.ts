// `holdfast share`: an address by which anybody may read one file for a while.
import { HoldfastError } from "@holdfast/protocol";
import { Command } from "commander";
import { ASK_SETTINGS, ASK_WORDS, withClient } from "./asking.ts";
import { parseDuration } from "./durations.ts";
import { jsonLines } from "./json.ts";
import { formatTime } from "./ls-text.ts";
import { readSettings, withSettings } from "./settings/options.ts";
import type { Settings } from "./settings/resolve.ts";
import { fileAddress, parseTarget } from "./targets.ts";
import { printable } from "./terminal.ts";

interface Options {
  /** Milliseconds. */
  readonly expires?: number;
  readonly qr?: true;
  readonly json?: true;
}

const HELP = `
Examples:
  holdfast share http://127.0.0.1:8420/v1/files/ID --expires 2h
  holdfast share ID --qr

Whoever has the link may read this one file, without a token, in a browser, with
curl or with holdfast download. It ends by its time, with the file, with the
token it was made by, and after the second holdfast keys rotate.`;

export function shareCommand(): Command {
  const command = new Command("share")
    .summary("make a link by which anybody may read a file")
    .description("print a link by which anybody may read one file for a while")
    .argument("<id|url>", "the file");
  return withSettings(command, ASK_SETTINGS, ASK_WORDS)
    .option(
      "--expires <time>",
      "how long it is good, such as 2h or 7d (default: 24h)",
      parseDuration,
    )
    .option("--qr", "draw it as a QR code, too")
    .option("--json", "print one JSON object on standard output")
    .addHelpText("after", HELP)
    .action(runShare);
}

async function runShare(word: string, options: Options, command: Command): Promise<void> {
  const settings = await readSettings(command, ASK_SETTINGS);
  const url = addressOf(word, settings);
  const { expires } = options;
  const life = expires === undefined ? {} : { expiresIn: Math.ceil(expires / 1000) };
  const link = await withClient(settings, ({ client, options: common }) =>
    client.link({ ...common, url, ...life }),
  );
  if (options.json) return jsonLines(process.stdout)({ event: "link", ...link });
  process.stdout.write(`${link.url}\n`);
  process.stderr.write(`Good until ${formatTime(link.expiresAt)}.\n`);
  if (!options.qr) return;
  const { renderUnicodeCompact } = await import("uqr");
  process.stderr.write(`${renderUnicodeCompact(link.url)}\n`);
}

function addressOf(word: string, settings: Settings): string {
  const target = parseTarget(word);
  if (target.kind === "file") return target.url;
  if (target.kind === "id") return fileAddress(settings.required("to"), target.id);
  throw new HoldfastError("usage", `"${printable(word)}" is neither a file's id nor its address`, {
    hint: "holdfast ls lists the ids; upload prints the address.",
  });
}
