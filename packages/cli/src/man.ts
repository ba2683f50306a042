// `holdfast man`: the manual page, made of the same tree of commands as the help.
import { Command } from "commander";
import { manualPage } from "./manual.ts";

const HELP = `
Examples:
  holdfast man | man -l -
  holdfast man > /usr/local/share/man/man1/holdfast.1`;

export function manCommand(): Command {
  return new Command("man")
    .description("print the manual page")
    .addHelpText("after", HELP)
    .action((_options: object, command: Command) => {
      process.stdout.write(manualPage(rootOf(command)));
    });
}

function rootOf(command: Command): Command {
  return command.parent ? rootOf(command.parent) : command;
}
