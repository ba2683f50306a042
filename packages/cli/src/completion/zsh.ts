// Completion for zsh.
import type { Completed, CompletedOption } from "./model.ts";

export function zshCompletion(model: readonly Completed[]): string {
  const paths = model.filter(({ path }) => path !== "").map(({ path }) => path);
  return `#compdef holdfast
# zsh completion of holdfast: source <(holdfast completion zsh) in ~/.zshrc, after compinit
_holdfast() {
  local at="" i
  local -a commands options files
  for ((i = 2; i < CURRENT; i++)); do
    case "$at \${words[i]}" in
      ${paths.map((path) => `(${quoted(path.includes(" ") ? path : ` ${path}`)})`).join("|")}) at="\${at:+$at }\${words[i]}" ;;
    esac
  done
  case "$at:\${words[CURRENT-1]}" in
${model.flatMap(valueCases).join("\n")}
  esac
  case "$at" in
${model.map(pathCase).join("\n")}
  esac
  if [[ $PREFIX == -* ]]; then
    _describe -o option options
  elif ((\${#commands})); then
    _describe command commands
  elif ((\${#files})); then
    _files
  fi
}
if [[ \${zsh_eval_context[-1]} == loadautofunc ]]; then
  _holdfast "$@"
else
  compdef _holdfast holdfast
fi
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A name and what it is, as _describe takes them. */
function entry(name: string, description: string): string {
  return quoted(`${name.replaceAll(":", "\\:")}:${description}`);
}

function valueCases({ path, options }: Completed): readonly string[] {
  return options.flatMap(({ names, value, choices }) => {
    if (value === "none") return [];
    const patterns = names.map((name) => quoted(`${path}:${name}`)).join("|");
    return [`    ${patterns}) ${answerTo(value, choices)} ;;`];
  });
}

function answerTo(value: CompletedOption["value"], choices: readonly string[]): string {
  if (value === "file") return "_files; return";
  return value === "choice" ? `compadd -- ${choices.join(" ")}; return` : "return";
}

function pathCase({ path, commands, options, words, takesFiles }: Completed): string {
  const names = commands.map(({ name, description }) => entry(name, description));
  const all = [...names, ...words.map((word) => entry(word, word))].join(" ");
  const flags = options
    .flatMap((option) => option.names.map((name) => entry(name, option.description)))
    .join(" ");
  const files = takesFiles ? " files=(yes)" : "";
  return `    ${quoted(path)}) commands=(${all}) options=(${flags})${files} ;;`;
}
