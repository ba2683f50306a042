// The command line as a whole: which commands there are, and how each of them ends.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import { Command, CommanderError } from "commander";
import manifest from "../package.json" with { type: "json" };
import { downloadCommand } from "./download.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { errorLine, jsonLines } from "./json.ts";
import { serveCommand } from "./serve.ts";
import { errorText } from "./text.ts";
import { tokenCommand } from "./token.ts";
import { uploadCommand } from "./upload.ts";

const HELP = `
Example:
  holdfast serve                                          in one terminal
  holdfast upload disk.img --to http://127.0.0.1:8420     in another

Every command has --help of its own. Exit codes: 0 done, 2 wrong usage, 3 no such directory,
4 no such file, 5 gave up (try again later), 6 trying again does not help, 7 fatal, 8 too large,
77 not allowed, 130 interrupted (the same command goes on).`;

/** Runs a command and resolves with the exit code. Everything that can go wrong is told before. */
export async function runCli(words: readonly string[]): Promise<number> {
  const isJson = words.includes("--json");
  try {
    await createProgram().parseAsync(words, { from: "user" });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    // No command at all: commander has printed the help, and nothing is left to be said.
    if (error instanceof CommanderError && error.code === "commander.help") return EXIT.usage;
    const told = toTold(error);
    if (isJson) jsonLines(process.stdout)(errorLine(told));
    else process.stderr.write(errorText(told));
    return exitCodeOf(told);
  }
}

/** Commander's errors are wrong usage, told in words of its own. */
function toTold(error: unknown): HoldfastError {
  if (isHoldfastError(error)) return error;
  if (!(error instanceof CommanderError)) {
    return new HoldfastError(
      "internal",
      "the command met an error that it does not know",
      {},
      error,
    );
  }
  const message = error.message.replace(/^error: /, "").replaceAll("\n", " ");
  return new HoldfastError("usage", message, {}, error);
}

function createProgram(): Command {
  const program = new Command("holdfast")
    .description("Moves big files over bad networks and loses nothing.")
    .version(manifest.version, "--version", "print the version")
    .helpOption("--help", "print this help")
    .addHelpText("after", HELP);
  for (const command of [serveCommand(), uploadCommand(), downloadCommand(), tokenCommand()]) {
    program.addCommand(command.helpOption("--help", "print this help"));
  }
  for (const command of [
    program,
    ...program.commands,
    ...program.commands.flatMap(({ commands }) => commands),
  ]) {
    // The one place that prints errors is above: in the form that --json asks for, if it does.
    command.exitOverride().configureOutput({ outputError: () => undefined });
  }
  return program.helpCommand(false).showSuggestionAfterError();
}
