// `holdfast share`: an address by which anybody may read one file, for a while or until it is private again; and taking that back.
import { HoldfastError } from "@holdfast/protocol";
import { Command, Option } from "commander";
import { parseFileAddress, shownAddress } from "./addresses.ts";
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
  readonly public?: true;
  readonly private?: true;
  readonly revoke?: true;
}

const HELP = `
Examples:
  holdfast share http://127.0.0.1:8420/v1/files/ID --expires 2h
  holdfast share --revoke LINK
  holdfast share ID --public`;

export function shareCommand(): Command {
  const command = new Command("share")
    .summary("let others read a file: by a link, or everybody")
    .description("print an address by which others may read one file without a token")
    .argument("<id|url>", "the file, an upload's address, or a link");
  return withSettings(command, ASK_SETTINGS, ASK_WORDS)
    .option(
      "--expires <time>",
      "how long it is good, such as 2h or 7d (default: 24h)",
      parseDuration,
    )
    .option("--qr", "draw it as a QR code, too")
    .addOption(
      new Option("--revoke", "take this one link back").conflicts([
        "expires",
        "qr",
        "public",
        "private",
      ]),
    )
    .addOption(
      new Option("--public", "let everybody read it; caches may keep it a year").conflicts(
        "expires",
      ),
    )
    .addOption(
      new Option("--private", "take that back; caches keep what they have").conflicts([
        ...["expires", "qr", "public"],
      ]),
    )
    .option("--json", "print one JSON object on standard output")
    .addHelpText("after", HELP)
    .action(runShare);
}

async function runShare(word: string, options: Options, command: Command): Promise<void> {
  const settings = await readSettings(command, ASK_SETTINGS);
  if (options.revoke) return takeBack(word, options, settings);
  const url = addressOf(word, settings);
  if (options.private) return hide(url, options, settings);
  if (options.public) return open(url, options, settings);
  const { expires } = options;
  const life = expires === undefined ? {} : { expiresIn: Math.ceil(expires / 1000) };
  const link = await withClient(settings, ({ client, options: common }) =>
    client.link({ ...common, url, ...life }),
  );
  if (options.json) return jsonLines(process.stdout)({ event: "link", ...link });
  process.stdout.write(`${link.url}\n`);
  process.stderr.write(`Good until ${formatTime(link.expiresAt)}.\n`);
  await draw(link.url, options);
}

async function takeBack(word: string, options: Options, settings: Settings): Promise<void> {
  const url = parseFileAddress(word);
  await withClient(settings, ({ client, options: common }) =>
    client.revokeLink({ ...common, url }),
  );
  if (options.json) return jsonLines(process.stdout)({ event: "revoked", url: shownAddress(url) });
  process.stderr.write("The link counts no more.\n");
}

async function open(file: string, options: Options, settings: Settings): Promise<void> {
  const url = await withClient(settings, ({ client, options: common }) =>
    client.makePublic({ ...common, url: file }),
  );
  if (options.json) return jsonLines(process.stdout)({ event: "public", url });
  process.stdout.write(`${url}\n`);
  process.stderr.write("Everybody may read it, and caches may keep it for a year.\n");
  await draw(url, options);
}

async function hide(url: string, options: Options, settings: Settings): Promise<void> {
  await withClient(settings, ({ client, options: common }) =>
    client.makePrivate({ ...common, url }),
  );
  if (options.json) return jsonLines(process.stdout)({ event: "private", url });
  process.stderr.write("It is public no more; what caches have, they keep.\n");
}

async function draw(url: string, options: Options): Promise<void> {
  if (!options.qr) return;
  const { renderUnicodeCompact } = await import("uqr");
  process.stderr.write(`${renderUnicodeCompact(url)}\n`);
}

function addressOf(word: string, settings: Settings): string {
  const target = parseTarget(word);
  if (target.kind === "file" || target.kind === "upload") return target.url;
  if (target.kind === "id") return fileAddress(settings.required("to"), target.id);
  throw new HoldfastError("usage", `"${printable(word)}" is neither a file's id nor its address`, {
    hint: "holdfast ls lists the ids; upload prints the address.",
  });
}
