// `holdfast completion`: the script that teaches a shell to complete this command.
import { Argument, Command } from "commander";
import { bashCompletion } from "./completion/bash.ts";
import { fishCompletion } from "./completion/fish.ts";
import { type Completed, completionModel } from "./completion/model.ts";
import { powershellCompletion } from "./completion/powershell.ts";
import { zshCompletion } from "./completion/zsh.ts";

type Shell = "bash" | "zsh" | "fish" | "powershell";

const SCRIPTS: Readonly<Record<Shell, (model: readonly Completed[]) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
  powershell: powershellCompletion,
};

const HELP = `
Examples:
  holdfast completion bash >> ~/.bash_completion
  source <(holdfast completion zsh)
  holdfast completion fish > ~/.config/fish/completions/holdfast.fish
  holdfast completion powershell | Out-String | Invoke-Expression`;

export function completionCommand(): Command {
  return new Command("completion")
    .summary("print the completion for a shell")
    .description("print the script that completes this command in a shell")
    .addArgument(new Argument("<shell>", "which shell").choices(Object.keys(SCRIPTS)))
    .addHelpText("after", HELP)
    .action((shell: Shell, _options: object, command: Command) => {
      process.stdout.write(SCRIPTS[shell](completionModel(rootOf(command))));
    });
}

function rootOf(command: Command): Command {
  return command.parent ? rootOf(command.parent) : command;
}
