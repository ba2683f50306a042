// What `--help` says: what is wanted most, on one screen; with `--all`, everything.
import { type Command, Help, type Option } from "commander";
import { pathOf } from "./completion/model.ts";

/** Headings of the options and commands that only `--all` shows. */
export const MORE_OPTIONS = "More options:";
export const MORE_COMMANDS = "More commands:";

export type HelpDetail = "screen" | "all";

/** `holdfast upload --help --all`, `holdfast help upload --all`. */
export function helpDetailOf(words: readonly string[]): HelpDetail {
  const isAsked = words[0] === "help" || words.includes("--help") || words.includes("-h");
  return isAsked && words.includes("--all") ? "all" : "screen";
}

/**
 * Words that ask for help, as commander is to have them: `help token create` as `token create --help`, since its own takes one word. Where one of them names no command,
 * the words up to that one: asked for help commander would print that of the program, as if nothing were wrong.
 */
export function helpWords(words: readonly string[], program: Command): readonly string[] {
  const [first, ...rest] = words;
  const isHelp = first === "help";
  if (!isHelp && !words.includes("--help") && !words.includes("-h")) return words;
  const named = isHelp ? rest : words;
  const unknown = upToUnknown(named, program);
  if (unknown) return unknown;
  const isLong = isHelp && named.length > 1 && !named[0]?.startsWith("-");
  return isLong ? [...named, "--help"] : words;
}

/** Undefined where every word names a command that has to. */
function upToUnknown(words: readonly string[], program: Command): readonly string[] | undefined {
  const path: string[] = [];
  let command = program;
  let isValue = false;
  for (const word of words) {
    if (command.commands.length === 0) return undefined;
    if (isValue) isValue = false;
    else if (word.startsWith("-")) isValue = takesValue(word, program);
    else {
      const next = command.commands.find((one) => one.name() === word);
      path.push(word);
      if (!next) return path;
      command = next;
    }
  }
  return undefined;
}

function takesValue(word: string, { options }: Command): boolean {
  return options.some(({ long, short, required }) => required && [long, short].includes(word));
}

/** How commander is to lay out the help of each command. */
export function helpLayout(detail: HelpDetail): Partial<Help> {
  // A line each: their arguments stand in their own help.
  const subcommandTerm = (command: Command): string => command.name();
  if (detail === "all") return { subcommandTerm, showGlobalOptions: true };
  return {
    subcommandTerm,
    padWidth: widthOfFirst,
    groupItems(unsorted, visible, groupOf) {
      const groups = new Help().groupItems(unsorted, visible, groupOf);
      groups.delete(MORE_OPTIONS);
      groups.delete(MORE_COMMANDS);
      return groups;
    },
    formatHelp: (command, helper) =>
      `${Help.prototype.formatHelp.call(helper, command, helper).trimEnd()}\n${moreLine(command, helper)}`,
  };
}

function isFirst(option: Option): boolean {
  return option.helpGroupHeading !== MORE_OPTIONS;
}

function isFirstCommand(command: Command): boolean {
  return command.helpGroup() !== MORE_COMMANDS;
}

/** Of what is shown: what is not shown has longer names. */
function widthOfFirst(command: Command, helper: Help): number {
  const terms = [
    ...helper.visibleOptions(command).filter(isFirst).map(helper.optionTerm),
    ...helper.visibleCommands(command).filter(isFirstCommand).map(helper.subcommandTerm),
    ...helper.visibleArguments(command).map(helper.argumentTerm),
  ];
  return Math.max(0, ...terms.map((term) => term.length));
}

function moreLine(command: Command, helper: Help): string {
  const path = pathOf(command);
  const ask = `holdfast help${path === "" ? "" : ` ${path}`} --all`;
  const commands = helper.visibleCommands(command).filter((one) => !isFirstCommand(one));
  if (commands.length > 0) {
    return `\nMore: ${commands.map((one) => one.name()).join(", ")}\n(${ask} shows everything)\n`;
  }
  const options = helper.visibleOptions(command).filter((one) => !isFirst(one));
  return options.length === 0 ? "" : `  and ${options.length} more: ${ask}\n`;
}
