// The tree of commands: what help, completion and the manual are made of.
import { Command } from "commander";
import manifest from "../package.json" with { type: "json" };
import { benchCommand } from "./bench.ts";
import { catCommand } from "./cat.ts";
import { completionCommand } from "./completion.ts";
import { configCommand } from "./config.ts";
import { doctorCommand } from "./doctor.ts";
import { downloadCommand } from "./download.ts";
import { EXIT_MEANINGS } from "./exit-codes.ts";
import { type HelpDetail, helpLayout, MORE_COMMANDS, MORE_OPTIONS } from "./help.ts";
import { keysCommand } from "./keys.ts";
import { lsCommand } from "./ls.ts";
import { manCommand } from "./man.ts";
import { allCommands } from "./program-tree.ts";
import { repairCommand } from "./repair.ts";
import { resumeCommand } from "./resume.ts";
import { rmCommand } from "./rm.ts";
import { serveCommand } from "./serve.ts";
import { GLOBAL_SETTINGS, withSettings } from "./settings/options.ts";
import { shareCommand } from "./share.ts";
import { statusCommand } from "./status.ts";
import { storageCommand } from "./storage.ts";
import { sweepCommand } from "./sweep.ts";
import { tokenCommand } from "./token.ts";
import { uploadCommand } from "./upload.ts";
import { verifyCommand } from "./verify.ts";

const HELP = `
Example:
  holdfast serve                                          in one terminal
  holdfast upload disk.img --to http://127.0.0.1:8420     in another`;

const EXIT_HELP = `
Exit codes:
${EXIT_MEANINGS.map(([code, meaning]) => `  ${String(code).padEnd(5)}${meaning}`).join("\n")}`;

/** Commands that the help of the whole names only. */
const RARE: ReadonlySet<string> = new Set([
  "cat",
  "status",
  "bench",
  "token",
  "keys",
  "sweep",
  "storage",
  "config",
  "completion",
  "man",
]);

/** `detail` is how much of each command its help shows. */
export function createProgram(detail: HelpDetail = "screen"): Command {
  const program = new Command("holdfast")
    .description("Moves big files over bad networks and loses nothing.")
    .optionsGroup(MORE_OPTIONS)
    .version(manifest.version, "--version", "print the version")
    .helpCommand("help [command...]", "print the help of a command")
    .addHelpText("after", HELP);
  if (detail === "all") program.addHelpText("after", EXIT_HELP);
  const commands = [
    serveCommand(),
    uploadCommand(),
    downloadCommand(),
    catCommand(),
    resumeCommand(),
    statusCommand(),
    lsCommand(),
    shareCommand(),
    rmCommand(),
    verifyCommand(),
    repairCommand(),
    doctorCommand(),
    benchCommand(),
    tokenCommand(),
    keysCommand(),
    sweepCommand(),
    storageCommand(),
    configCommand(),
    completionCommand(),
    manCommand(),
  ];
  for (const command of commands) {
    if (RARE.has(command.name())) command.helpGroup(MORE_COMMANDS);
    program.addCommand(command);
  }
  withSettings(program, GLOBAL_SETTINGS);
  for (const command of allCommands(program)) {
    command.helpOption("-h, --help", "print this help; with --all, everything");
    command.configureHelp(helpLayout(detail)).showSuggestionAfterError();
    // The one place that prints errors is whoever runs the tree: in the form that --json asks for, if it does.
    command.exitOverride().configureOutput({ outputError: () => undefined });
  }
  return program;
}
