// `holdfast resume`: what is unfinished on this machine, and going on with it.
import { resolve } from "node:path";
import type { Client, Unfinished } from "@holdfast/client/node";
import { HoldfastError, toHoldfastError } from "@holdfast/protocol";
import { Command } from "commander";
import { shownAddress } from "./addresses.ts";
import { tellDamage } from "./asking.ts";
import type { Job } from "./batch.ts";

import { downloadCommand } from "./download.ts";
import { jsonLines } from "./json.ts";
import {
  PACE_SETTINGS,
  type Pace,
  paceOf,
  patienceOf,
  type TransferChoices,
  wantedOf,
  withPace,
} from "./options.ts";
import { allCommands } from "./program-tree.ts";
import { idOf, lineOf, serversOf, shownWords } from "./resume-text.ts";
import { GLOBAL_SETTINGS, readSettings, settingOption, withSettings } from "./settings/options.ts";
import { flagOf, settingRow } from "./settings/table.ts";
import { printable } from "./terminal.ts";
import { errorText } from "./text.ts";
import { runTransfers, withOptions } from "./transfer.ts";
import { uploadCommand } from "./upload.ts";

interface Options extends Omit<TransferChoices, "resume"> {
  readonly list?: true;
  readonly forget?: true;
  readonly all?: true;
}

const HELP = `
Examples:
  holdfast resume --list
  holdfast resume                what is unfinished here, all of it
  holdfast resume 3f2a91c0       one of them
  holdfast resume --forget 3f2a91c0      or --forget --all
It knows what this user began here. What is forgotten expires on its server.`;

export function resumeCommand(): Command {
  const command = new Command("resume")
    .description("go on with what is unfinished on this machine")
    .argument("[ids...]", "what to go on with, as --list shows it (default: all)")
    .option("-l, --list", "only show what is unfinished")
    .option("--forget", "go on with it no more; what there is of a download is removed")
    .option("--all", "all of it; --forget wants to be told so");
  return withPace(command, ["--no-resume"]).addHelpText("after", HELP).action(runResume);
}

async function runResume(
  ids: readonly string[],
  options: Options,
  command: Command,
): Promise<void> {
  const settings = await readSettings(command, PACE_SETTINGS);
  const pace = await paceOf(settings);
  const { createClient } = await import("@holdfast/client/node");
  const client = createClient(pace.client);
  tellDamage(client);
  try {
    const chosen = choose(await client.unfinished(), ids);
    if (options.list || options.dryRun) return tell(chosen, options);
    if (options.forget) requireNamed(ids, options);
    // What runs needs nobody who goes on with it; who names it learns so.
    const isLeft = ({ holder }: Unfinished): boolean => holder !== undefined;
    const left = ids.length > 0 || options.wait ? [] : chosen.filter(isLeft);
    const rest = chosen.filter((one) => !left.includes(one));
    if (!options.json && !options.quiet) tellLeft(left, rest);
    if (options.forget) return await forget(client, rest, options);
    if (rest.length === 0) return;
    requireOneServer(rest, pace);
    const typed = typedOptions(command, options);
    await goOn(client, rest, pace, { ...options, typed, color: settings.text("color") });
  } finally {
    client.close();
  }
}

/** By the beginning of their ids. @throws HoldfastError `usage` */
function choose(all: readonly Unfinished[], ids: readonly string[]): readonly Unfinished[] {
  if (ids.length === 0) return all;
  const hint = "holdfast resume --list shows what is unfinished.";
  return ids.map((id) => {
    const [one, second] = all.filter(({ key }) => id.length >= 4 && key.startsWith(id));
    if (!one) throw new HoldfastError("usage", `nothing unfinished is called ${id}`, { hint });
    if (second) throw new HoldfastError("usage", `more than one begins with ${id}`, { hint });
    return one;
  });
}

function tell(chosen: readonly Unfinished[], { json, quiet }: Options): void {
  if (json) {
    const write = jsonLines(process.stdout);
    for (const { key, kind, savedAt, holder, ...rest } of chosen) {
      const { root: _root, metadata, ...about } = { root: "", metadata: undefined, ...rest };
      const texts = metadata ? { metadata: Object.fromEntries(metadata) } : {};
      const shown = {
        ...("url" in about ? { url: shownAddress(about.url) } : {}),
        ...("words" in about ? { words: shownWords(about.words) } : {}),
      };
      write({
        event: "unfinished",
        id: idOf({ key }),
        kind,
        ...about,
        ...shown,
        ...texts,
        savedAt,
        running: holder !== undefined,
        ...(holder?.pid === undefined ? {} : { pid: holder.pid }),
      });
    }
    return;
  }
  for (const one of chosen) process.stdout.write(`${lineOf(one, Date.now())}\n`);
  if (chosen.length === 0 && !quiet) process.stderr.write("Nothing is unfinished here.\n");
}

/** @throws HoldfastError `usage` */
function requireNamed(ids: readonly string[], { all }: Options): void {
  if (ids.length > 0 || all) return;
  const hint = "Give the ids that holdfast resume --list shows, or --all.";
  throw new HoldfastError("usage", "--forget wants to know what", { hint });
}

function tellLeft(left: readonly Unfinished[], rest: readonly Unfinished[]): void {
  for (const one of left) process.stderr.write(`Left as it is: ${lineOf(one, Date.now())}\n`);
  const what = left.length === 0 ? "Nothing is unfinished here." : "Nothing else is unfinished.";
  if (rest.length === 0) process.stderr.write(`${what}\n`);
}

async function forget(
  client: Client,
  chosen: readonly Unfinished[],
  { json, quiet }: Options,
): Promise<void> {
  for (const one of chosen) {
    await client.forget(one);
    if (json) jsonLines(process.stdout)({ event: "forgotten", id: idOf(one), kind: one.kind });
    else if (!quiet) process.stderr.write(`Forgotten: ${lineOf(one, Date.now())}\n`);
  }
}

/** A token is for one server; to send it to another would give it away. @throws HoldfastError `usage` */
function requireOneServer(chosen: readonly Unfinished[], { each }: Pace): void {
  const servers = new Set(chosen.flatMap(serversOf));
  if (each.token === undefined || servers.size <= 1) return;
  const hint = "Name what to go on with by its id, so that the token goes where it belongs.";
  const what = `the token is for one server, and these are at ${[...servers].join(", ")}`;
  throw new HoldfastError("usage", what, { hint });
}

/** What was typed after `resume`, for the commands that it runs again: it counts more than what they were typed with. */
function typedOptions(command: Command, { quiet, verbose, wait }: Options): readonly string[] {
  const given = new Map<string, unknown>(Object.entries(command.optsWithGlobals()));
  const words: string[] = [];
  for (const name of [...PACE_SETTINGS, ...GLOBAL_SETTINGS]) {
    const value = given.get(settingOption(name).attributeName());
    if (typeof value !== "string") continue;
    // The command runs in the directory where it was typed; this path was typed here.
    words.push(`${flagOf(name)}=${settingRow(name).kind === "path" ? resolve(value) : value}`);
  }
  return [
    ...words,
    ...(quiet ? ["--quiet"] : []),
    ...(verbose ? ["--verbose"] : []),
    ...(wait ? ["--wait"] : []),
  ];
}

/** Whole commands first: what they begin is theirs to end. */
async function goOn(
  client: Client,
  chosen: readonly Unfinished[],
  pace: Pace,
  options: Options & { readonly color: string | undefined; readonly typed: readonly string[] },
): Promise<void> {
  let failure: HoldfastError | undefined;
  for (const one of chosen) {
    if (one.kind !== "command") continue;
    try {
      await runAgain(one.words, one.directory, options);
    } catch (error) {
      const told = toHoldfastError(error);
      if (told.code === "interrupted") throw told;
      // The last one is told by whoever ends the command.
      if (failure && !options.json) process.stderr.write(errorText(failure));
      failure = told;
    }
  }
  const still = new Set((await client.unfinished()).map(({ key }) => key));
  const jobs = chosen.flatMap((one) =>
    still.has(one.key) ? jobsOf(client, one, { ...pace.each, ...patienceOf(options) }) : [],
  );
  if (jobs.length > 0) {
    await runTransfers(jobs, {
      verb: "Completed",
      options,
      files: pace.files,
      color: options.color,
      isMany: jobs.length > 1,
      failed: [],
      next: () => "Nothing of it is left to be done.",
    });
  }
  if (failure) throw failure;
}

function jobsOf(client: Client, one: Unfinished, each: Pace["each"]): readonly Job[] {
  if (one.kind === "command") return [];
  const { path: label, size } = one;
  const common = { label, size, onStop: "pause" } as const;
  if (one.kind === "download") {
    const start = async () => client.download(one.url, one.path, { ...each, ...wantedOf(one) });
    return [{ ...common, start, line: () => one.path }];
  }
  const { to, name, type, metadata } = one;
  const choices = {
    to,
    ...(name === undefined ? {} : { name }),
    ...(type === undefined ? {} : { type }),
    ...(metadata === undefined ? {} : { metadata }),
  };
  const start = async () => client.upload(one.path, { ...each, ...choices });
  return [{ ...common, start, line: ({ url }) => `${url}\t${one.path}` }];
}

const DETAILS: readonly string[] = ["-q", "--quiet", "-v", "--verbose"];

/** As if it were typed again where it was typed, but for what was typed now and for beginning anew. */
async function runAgain(
  words: readonly string[],
  directory: string,
  { json, quiet, verbose, typed }: Options & { readonly typed: readonly string[] },
): Promise<void> {
  if (!json && !quiet) {
    const shown = printable(`In ${directory}: holdfast ${shownWords(words).join(" ")}`);
    process.stderr.write(`${shown}\n`);
  }
  process.chdir(directory);
  process.argv = [...process.argv.slice(0, 2), ...words];
  const dropped = ["--no-resume", ...(quiet || verbose ? DETAILS : [])];
  const kept = words.filter((word) => !dropped.includes(word));
  const more = json && !words.includes("--json") ? [...typed, "--json"] : typed;
  const all = withOptions(kept, more);
  const program = withSettings(new Command("holdfast"), GLOBAL_SETTINGS)
    .addCommand(uploadCommand())
    .addCommand(downloadCommand());
  for (const command of allCommands(program)) {
    command.exitOverride().configureOutput({ outputError: () => undefined });
  }
  await program.parseAsync(all, { from: "user" });
}
