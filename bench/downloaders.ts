// Who fetches one file of a GiB or of a line's size: our command line, aria2 with 16 connections, curl.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { CLI_ENTRY, startProgram } from "@holdfast/testkit/process";
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

/** Each as its manual has it for a line that breaks: aria2 and curl go on for as long as it takes, from what they have, at once. */
export async function downloaders(): Promise<readonly Downloader[]> {
  await requireProgram("aria2c", "aria2");
  await requireProgram("curl", "curl");
  return [
    {
      name: OURS,
      words: (url, directory) => [
        ...[process.execPath, CLI_ENTRY, "download", url, "-o", join(directory, NAME)],
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
