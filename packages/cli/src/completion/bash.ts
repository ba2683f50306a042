// Completion for bash.
import type { Completed, CompletedOption } from "./model.ts";

export function bashCompletion(model: readonly Completed[]): string {
  const paths = model.filter(({ path }) => path !== "").map(({ path }) => path);
  return `# bash completion of holdfast: eval "$(holdfast completion bash)" in ~/.bashrc
_holdfast() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local at="" words="" options="" files="" i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at \${COMP_WORDS[i]}" in
      ${paths.map((path) => `"${leading(path)}"`).join("|")}) at="\${at:+$at }\${COMP_WORDS[i]}" ;;
    esac
  done
  case "$at:$previous" in
${model.flatMap(valueCases).join("\n")}
  esac
  case "$at" in
${model.map(pathCase).join("\n")}
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  elif [[ $words ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  elif [[ ! $files ]]; then
    compopt +o default
  fi
}
complete -o default -F _holdfast holdfast
`;
}

/** What stands before the last word is empty at first, and a blank follows it all the same. */
function leading(path: string): string {
  return path.includes(" ") ? path : ` ${path}`;
}

function valueCases({ path, options }: Completed): readonly string[] {
  return options.flatMap(({ names, value, choices }) => {
    if (value === "none") return [];
    const patterns = names.map((name) => `"${path}:${name}"`).join("|");
    return [`    ${patterns}) ${answerTo(value, choices)} ;;`];
  });
}

function answerTo(value: CompletedOption["value"], choices: readonly string[]): string {
  // An empty answer is completed by file names.
  if (value === "file") return "return";
  if (value === "choice")
    return `COMPREPLY=($(compgen -W "${choices.join(" ")}" -- "$current")); return`;
  return "compopt +o default; return";
}

function pathCase({ path, commands, options, words, takesFiles }: Completed): string {
  const names = [...commands.map(({ name }) => name), ...words].join(" ");
  const flags = options.flatMap((option) => option.names).join(" ");
  const files = takesFiles ? " files=yes" : "";
  return `    "${path}") words="${names}" options="${flags}"${files} ;;`;
}
