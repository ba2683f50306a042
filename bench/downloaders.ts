// Who fetches one file of a GiB or of a line's size: our command line as it is published, aria2 with 16 connections, curl.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { startProgram } from "@holdfast/testkit/process";
import { installBuilt } from "../scripts/install-built.ts";
import { runNode } from "../scripts/steps.ts";
import { cpuSeconds } from "./measure.ts";
import { requireProgram } from "./peers.ts";

export interface Downloader {
  readonly name: string;
  /** The words that fetch `url` to `NAME` in the directory. */
  readonly words: (url: string, directory: string) => readonly string[];
}

export interface Fetched {
  /** From the start of the command to its end, in seconds. */
  readonly seconds: number;
  /** CPU seconds of the command with start-up. */
  readonly cpu: number;
  /** Ended well, and has the right bytes. */
  readonly isWhole: boolean;
}

export const OURS = "holdfast download";
const NAME = "copy";

/** Our command as users have it: from the sources, the types would be taken off each time it starts. */
async function installOurs(directory: string): Promise<string> {
  const { code, output } = await runNode(["scripts/build.ts"], { isShown: false });
  if (code !== 0) throw new Error(output);
  return installBuilt(directory);
}

/**
 * Each as its manual has it for a line that breaks: aria2 and curl go on for as long as it takes, from what they have, at once.
 *
 * @param directory Where ours is installed, made here.
 */
export async function downloaders(directory: string): Promise<readonly Downloader[]> {
  await requireProgram("aria2c", "aria2");
  await requireProgram("curl", "curl");
  await mkdir(directory);
  const ours = await installOurs(directory);
  return [
    {
      name: OURS,
      words: (url, directory) => [
        ...[process.execPath, ours, "download", url, "-o", join(directory, NAME)],
        ...["--json", "--quiet"],
      ],
    },
    {
      name: "aria2, 16 connections",
      words: (url, directory) => [
        ...["aria2c", "--no-conf", "--quiet", "-x16", "-s16", "-k1M", "--file-allocation=none"],
        ...["--max-tries=0", "--retry-wait=0", "-d", directory, "-o", NAME, url],
      ],
    },
    {
      name: "curl",
      words: (url, directory) => [
        ...["sh", "-c", 'until curl -q -sS -f -C - -o "$0" "$1"; do :; done'],
        ...[join(directory, NAME), url],
      ],
    },
  ];
}

export interface Fetching {
  readonly url: string;
  /** SHA-256 of the file, in hexadecimal. */
  readonly digest: string;
  /** Where the copy goes, in a directory of its own. */
  readonly place: string;
  /** Who is not done by then is ended. */
  readonly patienceMs: number;
}

/** Runs one of them, once. */
export async function fetchBy(
  { words }: Downloader,
  { url, digest, place, patienceMs }: Fetching,
): Promise<Fetched> {
  const directory = await mkdtemp(join(place, "fetched-"));
  try {
    // A child that has ended counts as ours.
    const before = await cpuSeconds(process.pid);
    const began = performance.now();
    const command = startProgram(words(url, directory), {
      env: { HOLDFAST_STATE_DIR: join(directory, "state") },
    });
    const tooLong = setTimeout(() => command.kill("SIGKILL"), patienceMs);
    const { code } = await command.exit;
    clearTimeout(tooLong);
    const seconds = (performance.now() - began) / 1000;
    const cpu = (await cpuSeconds(process.pid)) - before;
    const isWhole = code === 0 && (await digestOf(join(directory, NAME))) === digest;
    return { seconds, cpu, isWhole };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export async function digestOf(path: string): Promise<string> {
  const hasher = createHash("sha256");
  for await (const piece of createReadStream(path)) hasher.update(piece);
  return hasher.digest("hex");
}
