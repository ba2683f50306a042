// The manual page as roff, from the tree of commands and the table of settings.
import type { Command } from "commander";
import { pathOf } from "./completion/model.ts";
import { EXIT_MEANINGS } from "./exit-codes.ts";
import { allCommands } from "./program-tree.ts";
import { layersOf, SETTING_NAMES, settingRow, variableOf } from "./settings/table.ts";

/** A line that begins with a dot or a quote would be a request; hyphens of options are to be copied as they are. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^([.'])/gm, "\\&$1");
}

/** One page for the whole command. */
export function manualPage(program: Command): string {
  const commands = allCommands(program).filter(
    (command) => command !== program && command.commands.length === 0,
  );
  return [
    `.TH HOLDFAST 1 "" "holdfast ${program.version() ?? ""}" "Holdfast"`,
    ".SH NAME",
    "holdfast \\- moves big files over bad networks and loses nothing",
    ".SH SYNOPSIS",
    ...commands.map(
      (command) => `.B holdfast ${roff(pathOf(command))}\n${roff(argumentsOf(command))}\n.br`,
    ),
    ".SH DESCRIPTION",
    roff(DESCRIPTION),
    ".SH OPTIONS",
    "Every command takes these.",
    ...optionsOf(program),
    ".SH COMMANDS",
    ...commands.flatMap(commandSection),
    ".SH ENVIRONMENT",
    ...variables(),
    ".SH FILES",
    `.TP\n.I ${roff("~/.config/holdfast/config.toml")}`,
    roff(
      "The configuration: KEY = VALUE on a line, [profile.NAME] for profiles. A setting comes from its option, else from its variable, else from the profile, else from the file.",
    ),
    ".SH EXIT STATUS",
    ...EXIT_MEANINGS.map(([code, meaning]) => `.TP\n.B ${code}\n${roff(meaning)}`),
    "",
  ].join("\n");
}

const DESCRIPTION = `Uploads and downloads go on where they stopped when the same command is run again: after Ctrl-C, after kill \\-9, after the line was cut or the server was away.
What the server has acknowledged is on its disk. A file appears whole or not at all, and every part of it is checked against its digest.`;

function argumentsOf(command: Command): string {
  return command.usage();
}

function commandSection(command: Command): readonly string[] {
  return [
    `.SS holdfast ${roff(pathOf(command))} ${roff(argumentsOf(command))}`,
    roff(`${sentence(command.description())}`),
    ...command.registeredArguments.map(
      (argument) => `.TP\n.I ${roff(argument.name())}\n${roff(sentence(argument.description))}`,
    ),
    ...optionsOf(command),
    ...afterHelp(command),
  ];
}

function optionsOf(command: Command): readonly string[] {
  const help = command.createHelp();
  return help
    .visibleOptions(command)
    .filter(({ long }) => long !== "--help" || !command.parent)
    .map(
      (option) =>
        `.TP\n.B ${roff(option.flags)}\n${roff(sentence(help.optionDescription(option)))}`,
    );
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** What the command's help says after its options: examples and notes. */
function afterHelp(command: Command): readonly string[] {
  const before = command.configureOutput();
  const written: string[] = [];
  command.configureOutput({ writeOut: (text) => void written.push(text) }).outputHelp();
  command.configureOutput(before);
  // The first is what commander makes of the options, which has its own place in the manual.
  written.shift();
  const text = written.join("").trim();
  return text === "" ? [] : [".PP", ".nf", roff(text), ".fi"];
}

function variables(): readonly string[] {
  return SETTING_NAMES.filter((name) => layersOf(name).includes("environment")).flatMap((name) => {
    const { help, foreign } = settingRow(name);
    const own = `.TP\n.B ${roff(variableOf(name))}\n${roff(sentence(help))}`;
    if (!foreign) return [own];
    return [
      own,
      `.TP\n.B ${foreign.variable}\nSet and not empty: as if it were "${foreign.value}".`,
    ];
  });
}
