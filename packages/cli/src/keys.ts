// `holdfast keys`: rotates the key that a server signs addresses with.
import { resolve } from "node:path";
import { Command } from "commander";
import { jsonLines } from "./json.ts";

interface Options {
  readonly data: string;
  readonly json?: true;
}

const HELP = `
Example:
  holdfast keys rotate

Signed part requests and read links of the key before stay good until the next rotation; older
ones end. Rotating twice ends all of them at once. A server that runs follows within a second.
Keys that are kept elsewhere come in HOLDFAST_KEY and HOLDFAST_KEY_PREVIOUS (32 random bytes or
more, hexadecimal or base64): then the server does not look at the ones here.`;

export function keysCommand(): Command {
  const rotate = new Command("rotate")
    .description("sign with a new key from now on")
    .option("--data <dir>", "the server's data directory", "./holdfast-data")
    .option("--json", "print one JSON object a line on standard output")
    .helpOption("--help", "print this help")
    .action(runRotate);
  return new Command("keys")
    .description("rotate the key that a server signs addresses with")
    .addHelpText("after", HELP)
    .addCommand(rotate)
    .helpCommand(false);
}

async function runRotate({ data, json }: Options): Promise<void> {
  const { rotateKeys } = await import("@holdfast/server");
  const kid = rotateKeys(resolve(data));
  if (json) jsonLines(process.stdout)({ event: "rotated", kid });
  else
    process.stderr.write(`New addresses are signed with key ${kid}; the last one's stay good.\n`);
}
