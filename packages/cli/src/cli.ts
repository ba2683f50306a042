// The command line as a whole: runs a command and knows how each of them ends.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import { CommanderError } from "commander";
import { Ended } from "./ended.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { helpDetailOf, helpWords } from "./help.ts";
import { errorLine, jsonLines } from "./json.ts";
import { createProgram } from "./program.ts";
import { errorText } from "./text.ts";

/** Runs a command and resolves with the exit code. Everything that can go wrong is told before. */
export async function runCli(words: readonly string[]): Promise<number> {
  const isJson = words.includes("--json");
  try {
    const program = createProgram(helpDetailOf(words));
    await program.parseAsync(helpWords(words, program), { from: "user" });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    if (error instanceof Ended) return error.exitCode;
    // No command at all: commander has printed the help, and nothing is left to be said.
    if (error instanceof CommanderError && error.code === "commander.help") return EXIT.usage;
    const told = toTold(error);
    if (isJson) jsonLines(process.stdout)(errorLine(told));
    else process.stderr.write(errorText(told));
    return exitCodeOf(told);
  }
}

const TOKEN_OPTION = /'--?(?:token|password|api-?key|secret|bearer|auth)(?:=|')/i;
const TOKEN_HINT =
  "Everybody on this machine could read it there, and the shell keeps it: have a new one made if it was real, and give that in HOLDFAST_TOKEN or by --token-file.";

const COMMANDS_HINT = "holdfast help --all lists the commands.";

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
  // What may be a secret is not repeated.
  if (error.code === "commander.unknownOption" && TOKEN_OPTION.test(error.message)) {
    return new HoldfastError("usage", "a token is no option", { hint: TOKEN_HINT });
  }
  const message = error.message.replace(/^error: /, "").replaceAll("\n", " ");
  // Its own --help would say the same again.
  const hint = error.code === "commander.unknownCommand" ? { hint: COMMANDS_HINT } : {};
  return new HoldfastError("usage", message, hint, error);
}
