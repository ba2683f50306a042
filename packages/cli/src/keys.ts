// `holdfast keys`: rotates the key that a server signs addresses with.
import { Command } from "commander";
import { jsonLines } from "./json.ts";
import { readSettings, withSettings } from "./settings/options.ts";

const KEYS_SETTINGS = ["serve.data"] as const;

interface Options {
  readonly json?: true;
}

const HELP = `
Example:
  holdfast keys rotate

Signed part requests and read links of the key before stay good until the next
rotation; older ones end. Rotating twice ends all of them at once. A server that
runs follows within a second. Keys that are kept elsewhere come in HOLDFAST_KEY
and HOLDFAST_KEY_PREVIOUS (32 random bytes or more, hexadecimal or base64): then
the server does not look at the ones here.`;

export function keysCommand(): Command {
  const rotate = withSettings(new Command("rotate"), KEYS_SETTINGS)
    .description("sign with a new key from now on")
    .addHelpText("after", "\nExample:\n  holdfast keys rotate --data /srv/holdfast")
    .option("--json", "print one JSON object a line on standard output")
    .action(runRotate);
  return new Command("keys")
    .summary("rotate the signing key of a server")
    .description("rotate the key that a server signs addresses with")
    .addHelpText("after", HELP)
    .addCommand(rotate)
    .helpCommand(false);
}

async function runRotate({ json }: Options, command: Command): Promise<void> {
  const { rotateKeys } = await import("@holdfast/server");
  const settings = await readSettings(command, KEYS_SETTINGS);
  const kid = rotateKeys(settings.required("serve.data"));
  if (json) jsonLines(process.stdout)({ event: "rotated", kid });
  else
    process.stderr.write(`New addresses are signed with key ${kid}; the last one's stay good.\n`);
}
