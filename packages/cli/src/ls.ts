// `holdfast ls`: the files on a server, newest first.
import { encodeHex, HoldfastError, type ListedFile } from "@holdfast/protocol";
import { Command } from "commander";
import { parseHttpAddress } from "./addresses.ts";
import { ASK_SETTINGS, ASK_WORDS, withClient } from "./asking.ts";
import { jsonLines } from "./json.ts";
import { fileLine } from "./ls-text.ts";
import { readSettings, withSettings } from "./settings/options.ts";
import { fileAddress } from "./targets.ts";

interface Options {
  readonly limit: number;
  readonly all?: true;
  readonly after?: string;
  readonly long?: true;
  readonly json?: true;
}

const LIMIT = 100;
const PAGE_MAX = 1000;

const HELP = `
Examples:
  holdfast ls http://127.0.0.1:8420
  holdfast ls --all --json | jq -r .url`;

export function lsCommand(): Command {
  const command = new Command("ls")
    .description("list the files on a server, newest first")
    .argument("[url]", "address of the server (default: --to)", parseHttpAddress);
  return withSettings(command, ASK_SETTINGS, ASK_WORDS)
    .option("-l, --long", "show type, root and address too")
    .option("--limit <count>", "files at most", parseLimit, LIMIT)
    .option("--all", "every file, however many there are")
    .option("--after <cursor>", "go on where a shorter list ended")
    .option("--json", "print one JSON object a line on standard output")
    .addHelpText("after", HELP)
    .action(runLs);
}

function parseLimit(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new HoldfastError("usage", `"${text}" is not a number from 1 on`);
}

async function runLs(
  address: string | undefined,
  options: Options,
  command: Command,
): Promise<void> {
  const settings = await readSettings(command, ASK_SETTINGS);
  const to = address ?? settings.required("to");
  const wanted = options.all ? Number.POSITIVE_INFINITY : options.limit;
  const show = options.json ? showJson(to) : showText(to, options.long === true);
  const next = await withClient(settings, async ({ client, options: common }) => {
    let after = options.after;
    for (let left = wanted; left > 0; ) {
      const limit = Math.min(left, PAGE_MAX);
      const from = after === undefined ? {} : { after };
      const page = await client.list({ ...common, to, limit, ...from });
      for (const file of page.files) show(file);
      left -= page.files.length;
      after = page.next;
      if (after === undefined) break;
    }
    return after;
  });
  if (next === undefined) return;
  if (options.json) jsonLines(process.stdout)({ event: "more", after: next });
  else process.stderr.write(`There may be more: --all shows all, --after ${next} goes on here.\n`);
}

function showJson(to: string): (file: ListedFile) => void {
  const write = jsonLines(process.stdout);
  return ({ id, name, type, size, root, sha256, createdAt }) =>
    write({
      event: "file",
      id,
      url: fileAddress(to, id),
      name,
      type,
      size,
      root: encodeHex(root),
      ...(sha256 ? { sha256: encodeHex(sha256) } : {}),
      createdAt,
    });
}

function showText(to: string, isLong: boolean): (file: ListedFile) => void {
  return (file) =>
    process.stdout.write(fileLine(file, isLong ? fileAddress(to, file.id) : undefined));
}
