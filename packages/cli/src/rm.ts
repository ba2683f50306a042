// `holdfast rm`: removes files from a server; an upload's address ends that upload.
import { HoldfastError, toHoldfastError } from "@holdfast/protocol";
import { Command } from "commander";
import { ASK_SETTINGS, ASK_WORDS, type Asking, withClient } from "./asking.ts";
import { Ended } from "./ended.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { errorLine, jsonLines } from "./json.ts";
import { readSettings, withSettings } from "./settings/options.ts";
import type { Settings } from "./settings/resolve.ts";
import { fileAddress, parseTarget } from "./targets.ts";
import { printable } from "./terminal.ts";
import { errorText } from "./text.ts";

interface Options {
  readonly yes?: true;
  readonly json?: true;
}

interface Doomed {
  readonly kind: "file" | "upload";
  readonly id: string;
  readonly url: string;
}

const HELP = `
Examples:
  holdfast rm http://127.0.0.1:8420/v1/files/ID
  holdfast rm --yes ID ID --to http://127.0.0.1:8420

What one of them meets does not keep the others from going; the exit code is
that of the first that stayed. Nothing brings a file back.`;

export function rmCommand(): Command {
  const command = new Command("rm")
    .summary("remove files from a server")
    .description("remove files from a server; an upload's address ends that upload")
    .argument("<id|url...>", "the files");
  return withSettings(command, ASK_SETTINGS, ASK_WORDS)
    .option("-y, --yes", "do not ask")
    .option("--json", "print one JSON object a line on standard output")
    .addHelpText("after", HELP)
    .action(runRm);
}

async function runRm(
  words: readonly string[],
  { yes, json }: Options,
  command: Command,
): Promise<void> {
  const settings = await readSettings(command, ASK_SETTINGS);
  const doomed = words.map((word) => doomedOf(word, settings));
  if (!yes) await askFirst(doomed);
  const write = jsonLines(process.stdout);
  let exit: number = EXIT.ok;
  await withClient(settings, async (asking) => {
    for (const one of doomed) {
      try {
        await remove(one, asking);
        if (json) write({ event: "removed", ...one });
        else process.stdout.write(`${one.url}\n`);
      } catch (error) {
        const told = toHoldfastError(error);
        if (exit === EXIT.ok) exit = exitCodeOf(told);
        if (json) write({ ...errorLine(told), ...one });
        else process.stderr.write(`${printable(one.url)} stays:\n${errorText(told)}`);
      }
    }
  });
  if (exit !== EXIT.ok) throw new Ended(exit);
}

function doomedOf(word: string, settings: Settings): Doomed {
  const target = parseTarget(word);
  if (target.kind === "path") {
    throw new HoldfastError("usage", `"${printable(word)}" is neither an id nor an address`, {
      hint: "ls lists the ids; rm removes files on a server, never on this machine.",
    });
  }
  if (target.kind === "file" && target.url.includes("?")) {
    throw new HoldfastError("usage", "a link lets one read a file, not remove it", {
      hint: "Give the file's own address, with a token that may write.",
    });
  }
  const { id } = target;
  if (target.kind !== "id") return { kind: target.kind, id, url: target.url };
  return { kind: "file", id, url: fileAddress(settings.required("to"), id) };
}

function remove({ kind, url }: Doomed, { client, options }: Asking): Promise<void> {
  return kind === "file" ? client.remove({ ...options, url }) : client.abort({ ...options, url });
}

/** @throws HoldfastError `usage` where nobody can be asked; `interrupted` where the answer is no */
async function askFirst(doomed: readonly Doomed[]): Promise<void> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new HoldfastError("usage", "there is no terminal to ask on", {
      hint: "With --yes they are removed without a question.",
    });
  }
  for (const { url } of doomed) process.stderr.write(`  ${printable(url)}\n`);
  const { createInterface } = await import("node:readline/promises");
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const stopped = Promise.withResolvers<string>();
  lines.once("SIGINT", () => stopped.resolve(""));
  lines.once("close", () => stopped.resolve(""));
  const what = doomed.length === 1 ? "it" : `these ${doomed.length}`;
  const answer = await Promise.race([
    lines.question(`Remove ${what} for good? [y/N] `),
    stopped.promise,
  ]);
  lines.close();
  if (/^y(?:es)?$/i.test(answer.trim())) return;
  process.stderr.write("Nothing is removed.\n");
  throw new Ended(EXIT.nothingDone);
}
