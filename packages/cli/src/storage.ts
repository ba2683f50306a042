// `holdfast storage`: makes a bucket fit to keep files in.

import { HoldfastError } from "@holdfast/protocol";
import type { S3Step } from "@holdfast/server";
import { Command } from "commander";
import { exitOfSetting } from "./doctor/storage.ts";
import { Ended } from "./ended.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { jsonLines } from "./json.ts";
import { printable } from "./terminal.ts";

interface Options {
  readonly origins?: readonly string[];
  readonly days: number;
  readonly makeBucket?: true;
  readonly dryRun?: true;
  readonly json?: true;
}

const HELP = `
Example:
  holdfast storage init "s3://files/holdfast?region=eu-central-1" --dry-run

holdfast doctor --storage says what a bucket still lacks.`;

const INIT_HELP = `
Example:
  holdfast storage init s3://files --origins https://app.example --dry-run

Rules that are there already stay. It may be repeated. Credentials come from
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE. Exit codes: 0 it is
so, 5 nobody is there, 77 not allowed, 7 something must be put right first.`;

export function storageCommand(): Command {
  const init = new Command("init")
    .description("set a bucket's rules, and make it where it is missing")
    .argument("<storage>", "address of a bucket: s3://BUCKET/PREFIX?region=REGION")
    .option("--origins <list>", "origins whose pages may send parts to it", parseOrigins)
    .option("--days <count>", "end multipart uploads after this many days", parseDays, 7)
    .option("--make-bucket", "make the bucket where it is missing")
    .option("--dry-run", "only tell; nothing is changed")
    .option("--json", "print one JSON object a line on standard output")
    .addHelpText("after", INIT_HELP)
    .action(runInit);
  return new Command("storage")
    .summary("make a bucket fit to keep files in")
    .description("make a bucket of an S3-compatible store fit to keep files in")
    .addHelpText("after", HELP)
    .addCommand(init)
    .helpCommand(false);
}

async function runInit(address: string, options: Options): Promise<void> {
  const { initS3, parseS3Location } = await import("@holdfast/server");
  const { origins = [], days: stageDays, makeBucket, dryRun, json } = options;
  const location = parseS3Location(address);
  const wants = { origins, stageDays, makesBucket: makeBucket === true, isDryRun: dryRun === true };
  const steps = await initS3(location, wants);
  const write = jsonLines(process.stdout);
  for (const step of steps) {
    if (json) write({ event: "step", ...factsOf(step) });
    else process.stdout.write(stepText(step));
  }
  const isPlan = steps.some(({ state }) => state === "planned");
  if (isPlan && !json) process.stdout.write("\nNothing was changed. Without --dry-run it is.\n");
  const failed = steps.find(({ state }) => state === "failed");
  if (failed) throw new Ended(exitOf(failed));
}

function factsOf({ what: step, state, says: what, setting, remedy }: S3Step) {
  return {
    ...{ step, state, what },
    ...(setting === undefined ? {} : { setting }),
    ...(remedy === undefined ? {} : { fix: { other: remedy } }),
  };
}

const STATE_WIDTH = 7;
const NAME_WIDTH = 9;
const INDENT = " ".repeat(STATE_WIDTH + NAME_WIDTH + 4);

function stepText({ what, state, says, remedy }: S3Step): string {
  const line = `${state.padEnd(STATE_WIDTH)}  ${what.padEnd(NAME_WIDTH)}  ${printable(says)}\n`;
  return remedy === undefined ? line : `${line}${INDENT}${printable(remedy)}\n`;
}

function exitOf({ setting }: S3Step): ExitCode {
  return (setting === undefined ? undefined : exitOfSetting(setting)) ?? EXIT.fatal;
}

function parseOrigins(text: string): readonly string[] {
  const origins = text.split(",").map((origin) => origin.trim());
  for (const origin of origins) {
    if (origin === "*" || (/^https?:/.test(origin) && URL.parse(origin)?.origin === origin))
      continue;
    throw new HoldfastError("usage", `"${origin}" is no origin`, {
      hint: "Write scheme, host and perhaps port, such as https://app.example, or * for all.",
    });
  }
  return origins;
}

/** Shorter, and uploads end that are going on. */
const DAYS_MIN = 2;
const DAYS_MAX = 365;

function parseDays(text: string): number {
  const days = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (days >= DAYS_MIN && days <= DAYS_MAX) return days;
  throw new HoldfastError("usage", `the days are a number from ${DAYS_MIN} to ${DAYS_MAX}`);
}
