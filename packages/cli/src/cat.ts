// `holdfast cat`: a file to standard output, no byte of it before its part is verified.
import { Command } from "commander";
import { parseFileAddress, shownAddress } from "./addresses.ts";
import type { Job } from "./batch.ts";
import {
  ONE_SETTINGS,
  type OneChoices,
  paceOf,
  wantedOf,
  withConnections,
  withPaceOfOne,
} from "./options.ts";
import { readSettings } from "./settings/options.ts";
import { requirePipe, STREAM_HINT, writeStandardOutput } from "./standard-streams.ts";
import { runTransfers } from "./transfer.ts";

const HELP = `
Example:
  holdfast cat http://127.0.0.1:8420/v1/files/ID | tar t

Parts are fetched side by side, tried again where the line fails, and written in
order, each once it has its digest: what comes out is the beginning of the file,
whatever happens. HOLDFAST_TOKEN holds the token.`;

export function catCommand(): Command {
  const command = new Command("cat")
    .summary("write a file to standard output, verified")
    .description("write a file to standard output, every part of it verified before")
    .argument("<url>", "address of the file", parseFileAddress);
  return withConnections(withPaceOfOne(command, "stream"))
    .addHelpText("after", HELP)
    .action(runCat);
}

async function runCat(url: string, options: OneChoices, command: Command): Promise<void> {
  const settings = await readSettings(command, ONE_SETTINGS);
  requirePipe(options);
  const { client: shared, each, files } = await paceOf(settings);
  const { createClient } = await import("@holdfast/client/node");
  const client = createClient(shared);
  const rules = { ...each, ...wantedOf(options) };
  const job: Job = {
    label: shownAddress(url),
    size: undefined,
    onStop: "pause",
    start: async () => client.downloadStream(url, writeStandardOutput, rules),
    line: () => undefined,
  };
  try {
    await runTransfers([job], {
      verb: "Downloaded",
      options,
      files,
      color: settings.text("color"),
      isMany: false,
      failed: [],
      interruptedHint: STREAM_HINT,
      next: ({ root }) => `Every part has its digest; the root is ${root}`,
    });
  } finally {
    client.close();
  }
}
