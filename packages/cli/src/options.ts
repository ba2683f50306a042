// What transfers are told: the settings that both directions have, and the options that are no settings.
import { HoldfastError } from "@holdfast/protocol";
import { type Command, Option } from "commander";
import type { FilesAtATime } from "./batch.ts";
import { MORE_OPTIONS } from "./help.ts";
import { withSettings } from "./settings/options.ts";
import type { Settings } from "./settings/resolve.ts";
import { readToken } from "./settings/token.ts";
import type { OutputOptions } from "./transfer.ts";

/** What both directions take besides settings. */
export interface TransferChoices extends OutputOptions {
  readonly dryRun?: true;
  /** For another process that is at the same transfer. */
  readonly wait?: true;
  /** False with --no-resume. */
  readonly resume: boolean;
}

/** Settings that both directions have. */
export const PACE_SETTINGS = [
  "limit-rate",
  "files",
  "concurrency",
  "give-up",
  "token-file",
] as const;

/** Adds the settings and options that both directions have; what is added behind them is shown by `--help --all` only. */
export function withPace(command: Command, without: readonly "--no-resume"[] = []): Command {
  const [first, ...more] = PACE_SETTINGS;
  withSettings(command, [first])
    .option("--dry-run", "only say what would be done")
    .option("--json", "print one JSON object a line on standard output")
    .optionsGroup(MORE_OPTIONS);
  withSettings(command, more);
  if (without.length === 0) command.option("--no-resume", "begin anew, whatever is unfinished");
  return withTelling(withWait(command));
}

/** Adds what other programs that fetch call `--concurrency`. */
export function withConnections(command: Command): Command {
  return command
    .option("--max-connections <number>", "the same as --concurrency")
    .on("option:max-connections", (value: string) => {
      command.setOptionValueWithSource("concurrency", value, "cli");
    });
}

/** What is known of a file besides its address. */
export interface WantedChoices {
  readonly root?: string;
  readonly sha256?: string;
}

/** Adds the options for that. */
export function withWanted(command: Command): Command {
  return command
    .option("--root <hex>", "the root that the file has to have")
    .option("--sha256 <hex>", "the SHA-256 that the whole file has to have");
}

/** What the client is told of them. */
export function wantedOf({ root, sha256 }: WantedChoices): WantedChoices {
  return { ...(root === undefined ? {} : { root }), ...(sha256 === undefined ? {} : { sha256 }) };
}

/** What the commands take that move one file, besides settings. */
export type OneChoices = Omit<TransferChoices, "dryRun" | "resume"> & WantedChoices;

/** Settings that those have. */
export const ONE_SETTINGS = ["limit-rate", "concurrency", "give-up", "token-file"] as const;

/** Adds them and their options, as `withPace` does where there may be many. Beside a stream on standard output nothing else can be printed, and nobody is kept out. */
export function withPaceOfOne(command: Command, to: "path" | "stream"): Command {
  const [first, ...more] = ONE_SETTINGS;
  withSettings(command, [first]);
  if (to === "path") command.option("--json", "print one JSON object a line on standard output");
  withSettings(withWanted(command.optionsGroup(MORE_OPTIONS)), more);
  return withTelling(to === "path" ? withWait(command) : command);
}

function withWait(command: Command): Command {
  const help = "where another process is at the same transfer, wait for it to end";
  return command.option("--wait", help);
}

function withTelling(command: Command): Command {
  return command
    .addOption(new Option("-q, --quiet", "no progress, only errors").conflicts("verbose"))
    .option("-v, --verbose", "a line for each file, and for each try that fails");
}

/** What a client, its batch and each of its transfers are told of them. */
export interface Pace {
  readonly client: {
    readonly limitRate?: number;
    readonly inFlight?: number;
    readonly stateDir?: string;
  };
  readonly files: FilesAtATime;
  readonly each: { readonly giveUpMs?: number; readonly token?: string };
}

export async function paceOf(settings: Settings): Promise<Pace> {
  const limitRate = settings.number("limit-rate");
  const inFlight = settings.number("concurrency");
  const stateDir = settings.text("state-dir");
  const giveUpMs = settings.number("give-up");
  const token = await readToken(settings, "token-file");
  return {
    client: {
      ...(limitRate === undefined ? {} : { limitRate }),
      ...(inFlight === undefined ? {} : { inFlight }),
      ...(stateDir === undefined ? {} : { stateDir }),
    },
    files: filesOf(settings),
    each: {
      ...(giveUpMs === undefined ? {} : { giveUpMs }),
      ...(token === undefined ? {} : { token }),
    },
  };
}

/** What each transfer is told of `--wait`. */
export function patienceOf({ wait }: Pick<TransferChoices, "wait">): {
  readonly whenBusy?: "wait";
} {
  return wait ? { whenBusy: "wait" } : {};
}

/** Small files side by side where nobody says how many files there may be. */
const SMALL_FILES = 16;

function filesOf(settings: Settings): FilesAtATime {
  const large = settings.number("files") ?? 1;
  return { large, all: settings.of("files")?.layer === "default" ? SMALL_FILES : large };
}

const PART_SIZE_STEP = 262_144;

/** @throws HoldfastError `usage` */
export function requirePartSize(size: number | undefined): number | undefined {
  if (size === undefined || size % PART_SIZE_STEP === 0) return size;
  throw new HoldfastError("usage", "a part size is a multiple of 256K, such as 512K or 1M");
}

/** One more `key=value` beside those before it. @throws HoldfastError `usage` */
export function addMetadata(
  text: string,
  before: ReadonlyMap<string, string> | undefined,
): ReadonlyMap<string, string> {
  const at = text.indexOf("=");
  if (at < 1) {
    throw new HoldfastError("usage", `"${text}" is not metadata; write for example camera=2`);
  }
  return new Map(before).set(text.slice(0, at), text.slice(at + 1));
}

/** One more text beside those before it. */
export function addText(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}
