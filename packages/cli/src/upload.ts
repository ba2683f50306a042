// `holdfast upload`: sends a file; the same command again goes on where it stopped.
import { stat } from "node:fs/promises";
import { HoldfastError } from "@holdfast/protocol";
import { Command } from "commander";
import { readSettings, withSettings } from "./settings/options.ts";
import type { Settings } from "./settings/resolve.ts";
import { readToken } from "./settings/token.ts";
import { commandName } from "./surroundings.ts";
import { type OutputOptions, runTransfer } from "./transfer.ts";

/** Settings that both directions have. */
export const PACE_SETTINGS = ["limit-rate", "give-up", "concurrency", "token-file"] as const;
const UPLOAD_SETTINGS = ["to", "part-size", ...PACE_SETTINGS] as const;

const HELP = `
Example:
  holdfast upload disk.img --to http://127.0.0.1:8420

Interrupted, killed or cut off, run the same command again. HOLDFAST_TOKEN holds the token, if
the server wants one.`;

export function uploadCommand(): Command {
  const command = new Command("upload")
    .description("send a file; the same command again goes on where it stopped")
    .argument("<path>", "the file");
  return withSettings(command, UPLOAD_SETTINGS)
    .option("--json", "print one JSON object a line on standard output")
    .addHelpText("after", HELP)
    .action(runUpload);
}

async function runUpload(path: string, options: OutputOptions, command: Command): Promise<void> {
  const settings = await readSettings(command, UPLOAD_SETTINGS);
  const to = settings.required("to");
  const partSize = settings.number("part-size");
  await checkSource(path);
  const { upload } = await import("@holdfast/client/node");
  const grid = partSize === undefined ? {} : { partSize };
  await runTransfer(upload(path, { to, ...grid, ...(await paceOf(settings)) }), {
    verb: "Uploaded",
    options,
    result: ({ url }) => url,
    next: ({ url }) => `Get it back with: ${commandName(process.env)} download ${url} -o COPY`,
  });
}

/** What the transfer is told of the settings that both directions have. */
export async function paceOf(settings: Settings): Promise<{
  readonly giveUpMs?: number;
  readonly limitRate?: number;
  readonly inFlight?: number;
  readonly stateDir?: string;
  readonly token?: string;
}> {
  const giveUpMs = settings.number("give-up");
  const limitRate = settings.number("limit-rate");
  const inFlight = settings.number("concurrency");
  const stateDir = settings.text("state-dir");
  const token = await readToken(settings, "token-file");
  return {
    ...(giveUpMs === undefined ? {} : { giveUpMs }),
    ...(limitRate === undefined ? {} : { limitRate }),
    ...(inFlight === undefined ? {} : { inFlight }),
    ...(stateDir === undefined ? {} : { stateDir }),
    ...(token === undefined ? {} : { token }),
  };
}

/** Says of the mistakes that people make what they are; the transfer itself finds out about the rest. */
async function checkSource(path: string): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (found instanceof Error) {
    if (found.code !== "ENOENT" && found.code !== "ENOTDIR") return;
    throw new HoldfastError("source_unreadable", `there is no file ${path}`, { path }, found);
  }
  if (found.isDirectory()) {
    const hint =
      "Whole directories come in a later version; pack it into one file first, for example with tar.";
    throw new HoldfastError("source_unreadable", `${path} is a directory`, { path, hint });
  }
  if (!found.isFile()) {
    // To open a pipe would wait for somebody to write into it, and what comes out of it cannot be sent again.
    const hint =
      "Pipes and devices cannot be gone on with; write what they give into a file first.";
    throw new HoldfastError("source_unreadable", `${path} is no regular file`, { path, hint });
  }
}
