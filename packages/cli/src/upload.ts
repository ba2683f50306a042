// `holdfast upload`: sends a file; the same command again goes on where it stopped.
import { stat } from "node:fs/promises";
import { HoldfastError } from "@holdfast/protocol";
import { Command } from "commander";
import { parseServerAddress } from "./addresses.ts";
import { parseDuration } from "./durations.ts";
import { parseRate } from "./sizes.ts";
import { commandName, tokenOf } from "./surroundings.ts";
import { type OutputOptions, runTransfer } from "./transfer.ts";

export interface PaceOptions extends OutputOptions {
  readonly limitRate?: number;
  readonly giveUp: number;
}

interface Options extends PaceOptions {
  readonly to: string;
}

/** Milliseconds without a part committed after which the command ends. */
export const GIVE_UP = "15m";

const HELP = `
Example:
  holdfast upload disk.img --to http://127.0.0.1:8420

Interrupted, killed or cut off, run the same command again. HOLDFAST_TOKEN holds the token, if
the server wants one.`;

export function uploadCommand(): Command {
  const command = new Command("upload")
    .description("send a file; the same command again goes on where it stopped")
    .argument("<path>", "the file")
    .requiredOption("--to <url>", "address of the server", parseServerAddress);
  return withPace(command).addHelpText("after", HELP).action(runUpload);
}

/** The options that both directions have. */
export function withPace(command: Command): Command {
  return command
    .option("--limit-rate <rate>", "bytes a second at most, such as 2M or 500K", parseRate)
    .option(
      "--give-up <duration>",
      `end after this long without progress (default: ${GIVE_UP})`,
      parseDuration,
    )
    .option("--json", "print one JSON object a line on standard output");
}

async function runUpload(path: string, options: Options): Promise<void> {
  await checkSource(path);
  const { upload } = await import("@holdfast/client/node");
  await runTransfer(upload(path, { to: options.to, ...paceOf(options) }), {
    verb: "Uploaded",
    options,
    result: ({ url }) => url,
    next: ({ url }) => `Get it back with: ${commandName(process.env)} download ${url} -o COPY`,
  });
}

/** What the transfer is told of the common options. */
export function paceOf({ limitRate, giveUp = parseDuration(GIVE_UP) }: Partial<PaceOptions>): {
  readonly giveUpMs: number;
  readonly limitRate?: number;
  readonly token?: string;
} {
  const token = tokenOf(process.env);
  return {
    giveUpMs: giveUp,
    ...(limitRate === undefined ? {} : { limitRate }),
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
