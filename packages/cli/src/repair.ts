// `holdfast repair`: makes a copy whole again by fetching the parts of it that are bad or missing, and nothing else.
import { Command } from "commander";
import { parseFileAddress } from "./addresses.ts";
import type { Job } from "./batch.ts";
import {
  ONE_SETTINGS,
  type OneChoices,
  paceOf,
  patienceOf,
  wantedOf,
  withConnections,
  withPaceOfOne,
} from "./options.ts";
import { readSettings } from "./settings/options.ts";
import { runTransfers } from "./transfer.ts";

interface Options extends OneChoices {
  readonly force?: true;
}

const HELP = `
Example:
  holdfast repair disk.img http://127.0.0.1:8420/v1/files/ID

Parts that differ or are missing are fetched, verified and written in their
place; what lies behind the file's end is cut. Nothing else is written to: it
may be stopped at any moment, and the same command goes on. What it would fetch,
holdfast verify says. HOLDFAST_TOKEN holds the token.`;

export function repairCommand(): Command {
  const command = new Command("repair")
    .summary("fetch what is bad or missing of a local copy")
    .description("make a local copy whole: fetch the parts of it that are bad or missing")
    .argument("<path>", "the local copy")
    .argument("<url>", "address of the file", parseFileAddress)
    .option("--force", "also where nothing at PATH is of that file");
  return withConnections(withPaceOfOne(command, "path"))
    .addHelpText("after", HELP)
    .action(runRepair);
}

async function runRepair(
  path: string,
  url: string,
  options: Options,
  command: Command,
): Promise<void> {
  const settings = await readSettings(command, ONE_SETTINGS);
  const { client: shared, each, files } = await paceOf(settings);
  const { createClient } = await import("@holdfast/client/node");
  const client = createClient(shared);
  const force = options.force === true;
  const rules = { ...each, ...patienceOf(options), ...wantedOf(options), force };
  const job: Job = {
    label: path,
    size: undefined,
    onStop: "pause",
    start: async () => client.repair(url, path, rules),
    line: () => path,
  };
  try {
    await runTransfers([job], {
      verb: "Repaired",
      options,
      files,
      color: settings.text("color"),
      isMany: false,
      failed: [],
      next: ({ root }) => `Every part has its digest; the root is ${root}`,
    });
  } finally {
    client.close();
  }
}
