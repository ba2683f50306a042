// Completion in the shells themselves: what each of them offers after which words.
import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { CLI_ENTRY } from "@holdfast/testkit/process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);

type Shell = "bash" | "zsh" | "fish";
const SHELLS: readonly Shell[] = ["bash", "zsh", "fish"];
const installed = SHELLS.filter((shell) => spawnSync(shell, ["-c", "exit 0"]).status === 0);
const absent = SHELLS.filter((shell) => !installed.includes(shell));
if (absent.length > 0) console.log(`completion: not tried in ${absent.join(", ")}: not installed`);

let place: string;
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "holdfast-completion-"));
  await writeFile(join(place, "disk.img"), "");
  for (const shell of SHELLS) {
    const { stdout } = await run(process.execPath, [CLI_ENTRY, "completion", shell]);
    await writeFile(join(place, `script.${shell}`), stdout);
  }
});
afterAll(() => rm(place, { recursive: true }));

/** How to ask a shell what it offers; words are safe to stand in single quotes. */
const ASK: Readonly<Record<Shell, (words: readonly string[]) => string>> = {
  bash: (words) => `source script.bash
COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}) COMP_CWORD=${words.length - 1}
_holdfast 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`,
  // A pseudo-terminal with a shell that lists what it would offer, as at the prompt.
  zsh: (words) => `zmodload zsh/zpty
zpty shell zsh -f -i
send() { zpty -w shell "$1"; }
send 'PS1=; PROMPT_EOL_MARK=; unsetopt zle_bracketed_paste; stty -echo columns 200'
send 'autoload -Uz compinit && compinit -u -D && source ./script.zsh'
send 'zstyle ":completion:*" list-separator "::"; LISTMAX=1000; setopt no_auto_menu list_rows_first'
send 'compadd() { builtin compadd -A found "$@" 2>/dev/null; [[ -n "$found" ]] && print -rl -- "offer:"$^found >> offers; builtin compadd "$@" }'
send 'TRAPUSR1() { : }; print -r ready > ready'
while [[ ! -e ready ]]; do sleep 0.02; done
zpty -w -n shell ${`'${words.join(" ")}'`}$'\\t'
for i in {1..100}; do [[ -s offers ]] && break; sleep 0.02; done
sleep 0.2; zpty -d shell; [[ -e offers ]] && sed 's/^offer://' offers; rm -f ready offers`,
  fish: (words) =>
    `source script.fish; complete -C '${words.join(" ")}' | string replace -r '\\t.*' ''; true`,
};

async function offers(shell: Shell, words: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await run(
    shell,
    [...(shell === "zsh" ? ["-f"] : []), "-c", ASK[shell](words)],
    {
      cwd: place,
      env: { PATH: process.env["PATH"], HOME: place, TERM: "dumb", ZDOTDIR: place },
    },
  );
  // zsh is told of each word twice, once for its description.
  return [...new Set(stdout.split("\n").filter((line) => line !== ""))];
}

describe.each(installed)("%s", (shell) => {
  it.each([
    [["holdfast", "dow"], ["download"]],
    [["holdfast", "config", "sh"], ["show"]],
    [["holdfast", "config", "show", "--ori"], ["--origin"]],
    [["holdfast", "serve", "--tls-mi"], ["--tls-min"]],
    [["holdfast", "--color", "al"], ["always"]],
    [["holdfast", "ls", "--color", "ne"], ["never"]],
    [["holdfast", "completion", "fi"], ["fish"]],
  ] as const)("completes %j to %j", async (words, expected) => {
    expect(await offers(shell, words)).toEqual(expected);
  });

  it("offers every command", async () => {
    const offered = await offers(shell, ["holdfast", ""]);
    for (const name of ["serve", "upload", "download", "status", "ls", "rm", "verify"]) {
      expect(offered).toContain(name);
    }
  });
});
