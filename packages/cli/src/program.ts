// The tree of commands: what help, completion and the manual are made of.
import { Command } from "commander";
import manifest from "../package.json" with { type: "json" };
import { benchCommand } from "./bench.ts";
import { completionCommand } from "./completion.ts";
import { configCommand } from "./config.ts";
import { doctorCommand } from "./doctor.ts";
import { downloadCommand } from "./download.ts";
import { keysCommand } from "./keys.ts";
import { lsCommand } from "./ls.ts";
import { manCommand } from "./man.ts";
import { allCommands } from "./program-tree.ts";
import { resumeCommand } from "./resume.ts";
import { rmCommand } from "./rm.ts";
import { serveCommand } from "./serve.ts";
import { GLOBAL_SETTINGS, withSettings } from "./settings/options.ts";
import { shareCommand } from "./share.ts";
import { statusCommand } from "./status.ts";
import { sweepCommand } from "./sweep.ts";
import { tokenCommand } from "./token.ts";
import { uploadCommand } from "./upload.ts";
import { verifyCommand } from "./verify.ts";

const HELP = `
Example:
  holdfast serve                                          in one terminal
  holdfast upload disk.img --to http://127.0.0.1:8420     in another

Exit codes: 0 done, 2 wrong usage, 3 no such directory, 4 no such file, 5 gave up (try again
later), 6 trying again does not help, 7 fatal, 8 too large, 77 not allowed, 130 interrupted.
Every command has --help of its own; docs/cli.md tells the rest.`;

export function createProgram(): Command {
  const program = new Command("holdfast")
    .description("Moves big files over bad networks and loses nothing.")
    .version(manifest.version, "--version", "print the version")
    // A line each: their arguments stand in their own help.
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .helpCommand("help [command]", "print the help of a command")
    .addHelpText("after", HELP);
  const commands = [
    serveCommand(),
    uploadCommand(),
    downloadCommand(),
    resumeCommand(),
    statusCommand(),
    lsCommand(),
    shareCommand(),
    rmCommand(),
    verifyCommand(),
    doctorCommand(),
    benchCommand(),
    tokenCommand(),
    keysCommand(),
    sweepCommand(),
    configCommand(),
    completionCommand(),
    manCommand(),
  ];
  for (const command of commands) program.addCommand(command);
  withSettings(program, GLOBAL_SETTINGS);
  for (const command of allCommands(program)) {
    command.helpOption("--help", "print this help").showSuggestionAfterError();
    // The one place that prints errors is whoever runs the tree: in the form that --json asks for, if it does.
    command.exitOverride().configureOutput({ outputError: () => undefined });
  }
  return program;
}
