// `holdfast download`: fetches files and checks every part; the same command again goes on where it stopped.
import { readFile, stat } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { text } from "node:stream/consumers";
import type { Described, Result } from "@holdfast/client";
import type { Client } from "@holdfast/client/node";
import { HoldfastError, type Manifest } from "@holdfast/protocol";
import { Command } from "commander";
import { parseFileAddress, shownAddress } from "./addresses.ts";
import type { Job } from "./batch.ts";
import { codeOf, toSourceError } from "./files/errors.ts";
import { placeWithin, saidName } from "./files/safe-path.ts";
import { jsonLines } from "./json.ts";
import { type Listed, parseList } from "./list.ts";
import {
  PACE_SETTINGS,
  paceOf,
  patienceOf,
  type TransferChoices,
  type WantedChoices,
  wantedOf,
  withConnections,
  withPace,
  withWanted,
} from "./options.ts";
import { readSettings } from "./settings/options.ts";
import { requirePipe, STREAM_HINT, writeStandardOutput } from "./standard-streams.ts";
import { printable } from "./terminal.ts";
import { formatCount } from "./totals.ts";
import { noteOf, runTransfers } from "./transfer.ts";
import { STDIO } from "./upload-jobs.ts";

interface Options extends TransferChoices, WantedChoices {
  readonly output?: string;
  readonly fromList?: string;
  readonly force?: true;
}

const HELP = `
Example:
  holdfast download http://127.0.0.1:8420/v1/files/ID -o disk.img
  holdfast download --from-list photos.list -o restored

A file gets its name once it is whole and every part has its digest; into a
directory its own, with _ for a dot or dash in front. HOLDFAST_TOKEN: the
token. Any server with ranges and ETags will do, without it; see --sha256.`;

export function downloadCommand(): Command {
  const command = new Command("download")
    .summary("fetch files and check them")
    .description("fetch files and check every part of them; the same command again goes on")
    .argument("[urls...]", "addresses of files, as upload prints them")
    .option("-o, --output <path>", "the file, a directory, or - for standard output")
    .option("--from-list <file>", "what upload printed: addresses and paths; - is stdin")
    .option("--force", "replace files that are there and are others");
  return withConnections(withWanted(withPace(command)))
    .addHelpText("after", HELP)
    .action(runDownload);
}

/** Where each file goes: all of them below a directory, or the only one to a path. */
type Target =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "directory"; readonly path: string }
  /** Standard output. */
  | { readonly kind: "stream"; readonly path: typeof STDIO };

async function runDownload(
  urls: readonly string[],
  options: Options,
  command: Command,
): Promise<void> {
  const settings = await readSettings(command, PACE_SETTINGS);
  const listed = await listOf(urls, options);
  const target = await targetOf(listed, options);
  if (options.dryRun) return tellPlan(listed, target, options);
  if (target.kind === "stream") requirePipe(options);
  const { client: shared, each, files } = await paceOf(settings);
  const { createClient, takesToken } = await import("@holdfast/client/node");
  if (each.token !== undefined) requireOneServer(listed.filter(({ url }) => takesToken(url)));
  if (target.kind === "directory") await makePlace(target.path);
  const client = createClient(shared);
  const rules = {
    ...each,
    ...patienceOf(options),
    ...wantedOf(options),
    replace: options.force === true,
    resume: options.resume,
  };
  const taken = new Set<string>();
  try {
    const jobs = listed.map((one) => jobOf(one, target, client, rules, taken));
    await runTransfers(jobs, {
      ...noteOf(client, jobs, {
        servers: serversOf(listed),
        about: ["download", target.path, ...listed.map(({ url }) => url)],
        isWaiting: options.wait === true,
      }),
      verb: "Downloaded",
      options,
      files,
      color: settings.text("color"),
      isMany: listed.length > 1 || options.fromList !== undefined,
      failed: [],
      ...(target.kind === "stream" ? { interruptedHint: STREAM_HINT } : {}),
      next: (result) => nextOf(result, options),
    });
  } finally {
    client.close();
  }
}

/** A file of any server has no id but its address, and no digests but what --sha256 says. */
function nextOf({ id, url, root }: Result, { sha256 }: Options): string {
  if (id !== url) return `Every part has its digest; the root is ${root}`;
  if (sha256 !== undefined) return "The file has the SHA-256 that it was to have";
  return "Its length is right; nothing but --sha256 can say more of a file of this server";
}

/** A token is for one server, and a list may come from anybody. @throws HoldfastError `usage` */
function requireOneServer(listed: readonly Listed[]): void {
  const servers = serversOf(listed);
  if (servers.length <= 1) return;
  const hint = "Fetch from one server at a time, so that the token goes where it belongs.";
  const what = `the token is for one server, and these files are at ${servers.join(", ")}`;
  throw new HoldfastError("usage", what, { hint });
}

function serversOf(listed: readonly Listed[]): readonly string[] {
  return [...new Set(listed.map(({ url }) => new URL(url).origin))];
}

/** What every one of them is told. */
interface Rules extends WantedChoices {
  readonly giveUpMs?: number;
  readonly token?: string;
  readonly whenBusy?: "wait";
  readonly replace: boolean;
  readonly resume: boolean;
}

function jobOf(one: Listed, target: Target, client: Client, rules: Rules, taken: Set<string>): Job {
  let path = target.path;
  return {
    label: one.path ?? shownAddress(one.url),
    size: undefined,
    onStop: "pause",
    line: () => (target.kind === "stream" ? undefined : path),
    async start(signal) {
      if (target.kind === "stream") {
        return client.downloadStream(one.url, writeStandardOutput, rules);
      }
      const place = await placeOf(one, target, (url) =>
        client.describeAny({ ...rules, url, signal }),
      );
      path = place.path;
      // Two files of one name would each take the other for a file that is there already.
      if (taken.has(path)) {
        const hint = "Download it to another directory, or alone with -o FILE.";
        const what = `another file of this command goes to ${path}`;
        throw new HoldfastError("sink_exists", what, { path, hint });
      }
      taken.add(path);
      const { manifest } = place;
      return client.download(one.url, path, { ...rules, ...(manifest ? { manifest } : {}) });
    },
  };
}

/** Where a file goes. What it is called is asked for only where nothing else says it. */
async function placeOf(
  { url, path }: Listed,
  target: Target,
  describe: (url: string) => Promise<Described>,
): Promise<{ readonly path: string; readonly manifest?: Manifest }> {
  if (target.kind !== "directory") return { path: target.path };
  if (path !== undefined) return { path: await placeWithin(target.path, path) };
  const found = await describe(url);
  if (found.kind === "any") return { path: join(target.path, saidName(found.file.name)) };
  const { manifest } = found;
  return { path: join(target.path, saidName(manifest.name)), manifest };
}

async function listOf(
  urls: readonly string[],
  { fromList, root, sha256 }: Options,
): Promise<readonly Listed[]> {
  const given = urls.map((url) => ({ url: parseFileAddress(url), path: undefined }));
  const listed =
    fromList === undefined ? given : [...given, ...parseList(await readList(fromList))];
  const known = root === undefined ? "--sha256" : "--root";
  if (listed.length > 1 && (root ?? sha256) !== undefined) {
    throw new HoldfastError("usage", `${known} is for one file, and these are ${listed.length}`);
  }
  if (listed.length > 0) return listed;
  if (fromList !== undefined) throw new HoldfastError("nothing_to_do", `${fromList} lists no file`);
  throw new HoldfastError("usage", "missing required argument 'urls'");
}

async function readList(path: string): Promise<string> {
  if (path === "-") return text(process.stdin);
  return readFile(path, "utf8").catch((error: unknown) => {
    throw toSourceError(path, error);
  });
}

async function targetOf(listed: readonly Listed[], options: Options): Promise<Target> {
  const { output = ".", fromList } = options;
  if (output === "") {
    throw new HoldfastError("usage", "-o names nothing", { hint: "Name a file or a directory." });
  }
  const [, second] = listed;
  if (output === STDIO) {
    if (second) throw new HoldfastError("usage", "standard output takes one file");
    return { kind: "stream", path: output };
  }
  const isDirectory = (await look(output)) === "directory";
  if (listed.length > 1 || fromList !== undefined || isDirectory) {
    return { kind: "directory", path: output };
  }
  const namesDirectory = output.endsWith("/") || output.endsWith(sep);
  const around = dirname(resolve(output));
  if (namesDirectory || (await look(around)) === "none") {
    const missing = namesDirectory ? resolve(output) : around;
    throw new HoldfastError("directory_not_found", `there is no directory ${missing}`, { output });
  }
  return { kind: "file", path: output };
}

/** What cannot be looked at is left to the transfer, which says why. */
async function look(path: string): Promise<"directory" | "none" | "unknown"> {
  try {
    return (await stat(path)).isDirectory() ? "directory" : "none";
  } catch (error) {
    return codeOf(error) === "ENOENT" ? "none" : "unknown";
  }
}

async function makePlace(path: string): Promise<void> {
  const { makeDirectory } = await import("@holdfast/client/node");
  try {
    makeDirectory(resolve(path), 0o777);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new HoldfastError("directory_not_found", why, { path, cause: codeOf(error) }, error);
  }
}

function tellPlan(listed: readonly Listed[], { path }: Target, options: Options): void {
  const write = jsonLines(process.stdout);
  for (const { url: address, path: name } of listed) {
    const url = shownAddress(address);
    if (options.json) write({ event: "would-fetch", url, path: name ?? null });
    else process.stdout.write(`${url}${name === undefined ? "" : `\t${printable(name)}`}\n`);
  }
  if (options.json || options.quiet) return;
  process.stderr.write(`Would fetch ${formatCount(listed.length)} files to ${printable(path)}.\n`);
}
