// `holdfast config`: what the settings are, where each of them comes from, and what is wrong with the file.
import { HoldfastError } from "@holdfast/protocol";
import { Command } from "commander";
import { configChecks } from "./config-check.ts";
import { configTable, settingFacts } from "./config-text.ts";
import { Ended } from "./ended.ts";
import { EXIT } from "./exit-codes.ts";
import { jsonLines } from "./json.ts";
import { sourcesOf } from "./settings/options.ts";
import { configPath } from "./settings/place.ts";
import { readConfig, resolveSettings, settingsOf } from "./settings/resolve.ts";
import { printable } from "./terminal.ts";

interface Options {
  readonly origin?: true;
  readonly json?: true;
}

const HELP = `
Examples:
  holdfast config show --origin        every setting that is set, and where
  holdfast config check                what is wrong with the file

A setting comes from its option, else from its variable (HOLDFAST_LIMIT_RATE is
limit-rate), else from the profile, else from the file. docs/configuration.md
lists them all.`;

export function configCommand(): Command {
  const command = new Command("config").description("show and check the settings");
  command
    .command("show")
    .description("print every setting that is set; secrets are not shown")
    .option("--origin", "say where each of them comes from")
    .option("--json", "print one JSON object a line on standard output")
    .addHelpText("after", EXAMPLE_SHOW)
    .action(showConfig);
  command
    .command("path")
    .description("print where the configuration file is, or would be")
    .addHelpText("after", EXAMPLE_PATH)
    .action(printPath);
  command
    .command("check")
    .description("say what is wrong with the configuration file and the environment")
    .option("--json", "print one JSON object a line on standard output")
    .addHelpText("after", EXAMPLE_CHECK)
    .action(checkConfig);
  return command.addHelpText("after", HELP);
}

const EXAMPLE_SHOW = `
Example:
  holdfast config show --origin --profile work`;
const EXAMPLE_PATH = `
Example:
  "$EDITOR" "$(holdfast config path)"`;
const EXAMPLE_CHECK = `
Example:
  holdfast config check && holdfast upload disk.img

Exit codes: 0 nothing is wrong, 2 something is.`;

async function showConfig({ origin, json }: Options, command: Command): Promise<void> {
  const settings = await resolveSettings(sourcesOf(command, []));
  const facts = settingFacts(settings);
  if (json) {
    const write = jsonLines(process.stdout);
    for (const fact of facts) write({ event: "setting", ...fact });
  } else process.stdout.write(configTable(facts, origin === true));
}

async function printPath(_options: Options, command: Command): Promise<void> {
  const sources = sourcesOf(command, []);
  // A file that is named and not there is told of by the other commands.
  const path = settingsOf(sources, undefined).text("config") ?? configPath(sources);
  if (path !== undefined) process.stdout.write(`${path}\n`);
  else
    throw new HoldfastError("usage", "there is no home directory to keep a file in", {
      hint: "Name a file with --config or HOLDFAST_CONFIG.",
    });
}

async function checkConfig({ json }: Options, command: Command): Promise<void> {
  const sources = sourcesOf(command, []);
  const file = await readConfig(sources);
  const findings = await configChecks(sources, file);
  const write = jsonLines(process.stdout);
  for (const finding of findings) {
    if (json) write({ event: "finding", ...finding });
    else
      process.stdout.write(
        `${printable(finding.where)}: ${printable(finding.message)}\n  ${finding.hint}\n`,
      );
  }
  const isBad = findings.some(({ level }) => level === "error");
  if (!json && !isBad) {
    process.stdout.write(
      file
        ? `${file.path} is in order.\n`
        : "There is no configuration file, and none is needed.\n",
    );
  }
  if (isBad) throw new Ended(EXIT.usage);
}
