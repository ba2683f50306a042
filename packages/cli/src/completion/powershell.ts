// Completion for PowerShell.
import type { Completed } from "./model.ts";

export function powershellCompletion(model: readonly Completed[]): string {
  return `# PowerShell completion of holdfast: holdfast completion powershell | Out-String | Invoke-Expression, in $PROFILE
Register-ArgumentCompleter -Native -CommandName holdfast -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $tree = @{
${model.map(rowOf).join("\n")}
    }
    $choices = @{
${model.flatMap(choicesOf).join("\n")}
    }
    $at = ''
    $previous = ''
    foreach ($element in ($commandAst.CommandElements | Select-Object -Skip 1)) {
        if ($element.Extent.EndOffset -ge $cursorPosition) { break }
        $previous = $element.Extent.Text
        $next = "$at $previous".Trim()
        if ($tree.ContainsKey($next)) { $at = $next }
    }
    $words = if ($choices.ContainsKey("\${at}:$previous")) { $choices["\${at}:$previous"] } else { $tree[$at] }
    $words | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
    }
}
`;
}

function list(words: readonly string[]): string {
  return `@(${words.map((word) => `'${word}'`).join(", ")})`;
}

function rowOf({ path, commands, options, words }: Completed): string {
  const names = [...commands.map(({ name }) => name), ...words];
  return `        '${path}' = ${list([...names, ...options.flatMap((option) => option.names)])}`;
}

function choicesOf({ path, options }: Completed): readonly string[] {
  return options.flatMap(({ names, choices }) =>
    choices.length > 0 ? names.map((name) => `        '${path}:${name}' = ${list(choices)}`) : [],
  );
}
