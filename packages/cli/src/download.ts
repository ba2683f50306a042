// `holdfast download`: fetches a file and checks every part; the same command again goes on where it stopped.
import { stat } from "node:fs/promises";
import { dirname, resolve, sep } from "node:path";
import { HoldfastError } from "@holdfast/protocol";
import { Command } from "commander";
import { parseFileAddress } from "./addresses.ts";
import { readSettings, withSettings } from "./settings/options.ts";
import { type OutputOptions, runTransfer } from "./transfer.ts";
import { PACE_SETTINGS, paceOf } from "./upload.ts";

interface Options extends OutputOptions {
  readonly output: string;
}

const HELP = `
Example:
  holdfast download http://127.0.0.1:8420/v1/files/ID -o disk.img

The file gets its name only when it is whole and every part has its digest. HOLDFAST_TOKEN holds
the token, if the server wants one.`;

export function downloadCommand(): Command {
  const command = new Command("download")
    .description("fetch a file and check every part of it; the same command again goes on")
    .argument("<url>", "address of the file, as upload prints it", parseFileAddress)
    .requiredOption("-o, --output <path>", "where to put it");
  return withSettings(command, PACE_SETTINGS)
    .option("--json", "print one JSON object a line on standard output")
    .addHelpText("after", HELP)
    .action(runDownload);
}

async function runDownload(url: string, options: Options, command: Command): Promise<void> {
  const { output } = options;
  const settings = await readSettings(command, PACE_SETTINGS);
  await checkSink(output);
  const { download } = await import("@holdfast/client/node");
  await runTransfer(download(url, output, await paceOf(settings)), {
    verb: "Downloaded",
    options,
    result: () => output,
    next: ({ root }) => `Every part has its digest; the root is ${root}`,
  });
}

async function checkSink(path: string): Promise<void> {
  if (path === "-" || path === "") {
    const hint = "Name a file; standard output comes in a later version.";
    throw new HoldfastError("usage", `"${path}" is no target`, { hint });
  }
  const around = dirname(resolve(path));
  if ((await look(path)) === "directory") {
    throw new HoldfastError("usage", `${path} is a directory; name a file in it`, { path });
  }
  const namesDirectory = path.endsWith("/") || path.endsWith(sep);
  if (namesDirectory || (await look(around)) === "none") {
    const missing = namesDirectory ? resolve(path) : around;
    throw new HoldfastError("directory_not_found", `there is no directory ${missing}`, { path });
  }
}

/** What cannot be looked at is left to the transfer, which says why. */
async function look(path: string): Promise<"directory" | "none" | "unknown"> {
  try {
    return (await stat(path)).isDirectory() ? "directory" : "none";
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    return isMissing ? "none" : "unknown";
  }
}
