// The tree of commands as completion needs it: what may stand where.
import type { Command, Option } from "commander";
import { allCommands } from "../program-tree.ts";

export interface Completed {
  /** Words that lead to it, after the program's name: empty for the program itself. */
  readonly path: string;
  readonly description: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly CompletedOption[];
  /** Words that its first argument may be, if they are known. */
  readonly words: readonly string[];
  /** Its arguments may be files of this machine. */
  readonly takesFiles: boolean;
}

export interface CompletedOption {
  /** `--output`, and `-o` where there is one. */
  readonly names: readonly string[];
  readonly description: string;
  readonly value: "none" | "file" | "choice" | "other";
  readonly choices: readonly string[];
}

export function completionModel(program: Command): readonly Completed[] {
  const global = program.options.filter(({ long }) => long !== "--version").map(completedOption);
  return allCommands(program).map((command) => ({
    path: pathOf(command),
    description: command.description(),
    commands: command
      .createHelp()
      .visibleCommands(command)
      .map((child) => ({
        name: child.name(),
        description: child.summary() || child.description(),
      })),
    options: [
      ...command.createHelp().visibleOptions(command).map(completedOption),
      ...(command.parent ? global : []),
    ],
    words: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
    takesFiles: command.registeredArguments.some((argument) => /path|file/.test(argument.name())),
  }));
}

/** `config show` of `holdfast config show`. */
export function pathOf(command: Command): string {
  if (!command.parent) return "";
  return `${pathOf(command.parent)} ${command.name()}`.trim();
}

function completedOption(option: Option): CompletedOption {
  const { long, short, description, flags } = option;
  const choices = choicesOf(option);
  const names = [long, short].filter((name) => name !== undefined);
  return { names, description, value: valueKindOf(flags, choices), choices };
}

/** Commander's own, or those in the placeholder: `<auto|always|never>`. */
function choicesOf({ argChoices, flags }: Option): readonly string[] {
  const placeholder = /<([\w.]+(?:\|[\w.]+)+)>/.exec(flags)?.[1];
  return argChoices ?? placeholder?.split("|") ?? [];
}

function valueKindOf(flags: string, choices: readonly string[]): CompletedOption["value"] {
  if (!/[<[]/.test(flags)) return "none";
  if (choices.length > 0) return "choice";
  return /<(?:path|file|dir)>/.test(flags) ? "file" : "other";
}
