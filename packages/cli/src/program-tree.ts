// Walks the tree of commands.
import type { Command } from "commander";

/** The command and all below it. */
export function allCommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}
