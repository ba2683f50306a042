// Completion for fish.
import type { Completed, CompletedOption } from "./model.ts";

export function fishCompletion(model: readonly Completed[]): string {
  const paths = model.filter(({ path }) => path !== "").map(({ path }) => quoted(path));
  return `# fish completion of holdfast: holdfast completion fish | source, in ~/.config/fish/config.fish
function __holdfast_at
    set -l at ""
    for word in (commandline -opc)[2..]
        set -l next (string trim -- "$at $word")
        contains -- $next ${paths.join(" ")}; and set at $next
    end
    test "$at" = "$argv[1]"
end
complete -c holdfast -f
${model.flatMap(linesOf).join("\n")}
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

function linesOf({ path, commands, options, words, takesFiles }: Completed): readonly string[] {
  const where = `complete -c holdfast -n ${quoted(`__holdfast_at ${quoted(path)}`)}`;
  return [
    ...commands.map((one) => `${where} -a ${one.name} -d ${quoted(one.description)}`),
    ...words.map((word) => `${where} -a ${word}`),
    ...options.map((option) => `${where} ${flagsOf(option)} -d ${quoted(option.description)}`),
    ...(takesFiles ? [`${where} -F`] : []),
  ];
}

function flagsOf({ names, value, choices }: CompletedOption): string {
  const flags = names.map((name) =>
    name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
  );
  if (value === "file") flags.push("-r -F");
  else if (value === "choice") flags.push(`-x -a ${quoted(choices.join(" "))}`);
  else if (value === "other") flags.push("-x");
  return flags.join(" ");
}
