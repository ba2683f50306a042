// `holdfast upload`: sends files and directories; the same command again goes on where it stopped.
import type { Algorithm, Metadata, TransferWay } from "@holdfast/protocol";
import { HoldfastError } from "@holdfast/protocol";
import { Command, Option } from "commander";
import { tellPlan } from "./dry-run.ts";
import { expand } from "./files/expand.ts";
import type { Found } from "./files/found.ts";
import {
  addMetadata,
  addText,
  PACE_SETTINGS,
  paceOf,
  patienceOf,
  requirePartSize,
  type TransferChoices,
  withPace,
} from "./options.ts";
import { readSettings, withSettings } from "./settings/options.ts";
import type { Settings } from "./settings/resolve.ts";
import { parseSize } from "./sizes.ts";
import { tellSkipped } from "./skipped.ts";
import { STREAM_HINT } from "./standard-streams.ts";
import { commandName } from "./surroundings.ts";
import { noteOf, runTransfers } from "./transfer.ts";
import { fileJob, STDIO, streamJob } from "./upload-jobs.ts";

interface Options extends TransferChoices {
  readonly name?: string;
  readonly type?: string;
  readonly size?: number;
  readonly metadata?: Metadata;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly followLinks?: true;
  readonly digest?: Algorithm;
  readonly sha256?: string;
  readonly verify?: "readback";
  readonly live?: true;
  readonly transfer: "auto" | TransferWay;
}

const HELP = `
Example:
  holdfast upload disk.img --to http://127.0.0.1:8420
  holdfast upload photos --to http://127.0.0.1:8420 > photos.list

Interrupted, killed or cut off, run the same command again: what is complete is
skipped. It prints the address of each file. HOLDFAST_TOKEN holds the token.`;

const UPLOAD_SETTINGS = ["to", "part-size", ...PACE_SETTINGS] as const;

export function uploadCommand(): Command {
  const command = new Command("upload")
    .summary("send files and directories")
    .description("send files and directories; the same command again goes on where it stopped")
    .argument("<paths...>", "files, directories, patterns; - is standard input");
  const chosen = withSettings(command, ["to"])
    .option("--exclude <pattern>", "no such files or directories in one; may be repeated", addText)
    .option("--name <name>", "what one file is called on the server");
  return withSettings(withPace(chosen), ["part-size"])
    .option("--include <pattern>", "only such files of a directory; may be repeated", addText)
    .option("--follow-links", "follow symbolic links in directories too")
    .option("--size <size>", "about how many bytes come through standard input", parseSize)
    .option("--type <type>", "media type, such as video/mp4; by the name without it")
    .option("--metadata <key=value>", "kept with the file; may be repeated", addMetadata)
    .addOption(
      new Option("--digest <name>", "how parts are checked").choices(["sha-256", "blake3"]),
    )
    .option("--sha256 <hex>", "what the whole of one file must have to be published")
    .addOption(new Option("--verify <how>", "what is read once more first").choices(["readback"]))
    .option("--live", "what is there can be read while the rest is sent")
    .addOption(
      new Option("--transfer <way>", "straight to the store, or through the server")
        .choices(["auto", "server", "direct"])
        .default("auto", "straight where the server offers it"),
    )
    .addHelpText("after", HELP)
    .action(runUpload);
}

async function runUpload(
  words: readonly string[],
  options: Options,
  command: Command,
): Promise<void> {
  const settings = await readSettings(command, UPLOAD_SETTINGS);
  const to = settings.required("to");
  const partSize = requirePartSize(settings.number("part-size"));
  const { include = [], exclude = [], followLinks = false } = options;
  const isStream = words.includes(STDIO);
  const paths = words.filter((word) => word !== STDIO);
  const found = await expand(paths, { include, exclude, isFollowing: followLinks });
  if (!isStream || paths.length > 0) requireOne(found, options, isStream);
  if (options.dryRun) return tellPlan(found, options);
  tellSkipped(found, options);
  const isMany = words.length > 1 || found.files.length > 1 || hasRelative(found);
  const pace = await paceOf(settings);
  const { createClient } = await import("@holdfast/client/node");
  const client = createClient(pace.client);
  const { digest, sha256, verify, live, transfer } = options;
  const chosen = {
    ...(digest === undefined ? {} : { digest }),
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(verify === undefined ? {} : { verify }),
    ...(transfer === "auto" ? {} : { transfer }),
  };
  if (isStream) requireStreamable(chosen);
  if (transfer === "direct" && digest === "blake3") {
    throw new HoldfastError("usage", "signed requests are for sha-256: leave --digest out");
  }
  const each = {
    ...pace.each,
    ...patienceOf(options),
    to,
    ...chosen,
    ...(live === undefined ? {} : { live }),
    ...(partSize === undefined ? {} : { partSize }),
  };
  try {
    const told = { ...options, each, isMany };
    const stream = isStream ? [streamJob(client, told)] : [];
    const files = found.files.map((file) => fileJob(client, file, told));
    const jobs = [...stream, ...files];
    await runTransfers(jobs, {
      ...noteOf(client, jobs, {
        servers: [to],
        about: ["upload", to, ...words],
        settled: settledOf(settings),
        isWaiting: options.wait === true,
      }),
      verb: "Uploaded",
      ...(isStream ? { interruptedHint: STREAM_HINT } : {}),
      options,
      files: pace.files,
      color: settings.text("color"),
      isMany,
      failed: found.failures.map(({ path, error }) => ({ label: path, error })),
      next: ({ url }) => `Get it back with: ${commandName(process.env)} download ${url} -o COPY`,
    });
  } finally {
    client.close();
  }
}

/** Whoever goes on with it later may have another server in the environment. */
function settledOf(settings: Settings): readonly string[] {
  return settings.of("to")?.layer === "flag" ? [] : [`--to=${settings.required("to")}`];
}

/** @throws HoldfastError `usage` */
function requireStreamable(chosen: object): void {
  const [name] = Object.keys(chosen);
  if (name === undefined) return;
  throw new HoldfastError("usage", `--${name} is for files: standard input is sent as it comes`);
}

function hasRelative({ files: [first] }: Found): boolean {
  return first?.relative !== undefined;
}

/** Of one name that stands for nothing, the command says it; of several, the summary. */
function requireOne(
  { files, failures, skipped }: Found,
  { name, sha256 }: Options,
  isStream: boolean,
): void {
  const [failure] = failures;
  const count = files.length + (isStream ? 1 : 0);
  if (count === 0 && failure && failures.length === 1) throw failure.error;
  if (count === 0 && failures.length === 0) {
    const [left] = skipped;
    const why = left === undefined ? "" : `: ${left.path} is ${left.why}`;
    throw new HoldfastError("nothing_to_do", `there is no file to send${why}`);
  }
  if (name !== undefined && count > 1) {
    throw new HoldfastError("usage", `--name is for one file, and these are ${count}`);
  }
  if (sha256 !== undefined && count > 1) {
    throw new HoldfastError("usage", `--sha256 is for one file, and these are ${count}`);
  }
}
