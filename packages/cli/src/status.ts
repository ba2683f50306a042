// `holdfast status`: how far an upload is, as the server has it; by its address, by its id, or by the path that is being uploaded.
import {
  countParts,
  encodeHex,
  HoldfastError,
  type Manifest,
  missingRanges,
  type PartRange,
  partCount,
  toHoldfastError,
  type UploadView,
} from "@holdfast/protocol";
import { Command } from "commander";
import { shownAddress } from "./addresses.ts";
import { ASK_SETTINGS, ASK_WORDS, type Asking, withClient } from "./asking.ts";
import { jsonLines } from "./json.ts";
import { readSettings, withSettings } from "./settings/options.ts";
import type { Settings } from "./settings/resolve.ts";
import { committedBytes, fileRows, formatRows, uploadRows } from "./status-text.ts";
import { fileAddress, parseTarget, type Target, uploadAddress } from "./targets.ts";
import { printable } from "./terminal.ts";

interface Options {
  readonly json?: true;
}

/** What was found. */
type Found =
  | { readonly kind: "upload"; readonly url: string; readonly view: UploadView }
  | {
      readonly kind: "file";
      readonly url: string;
      readonly id: string;
      readonly manifest: Manifest;
    };

/** Ranges of missing parts in one JSON line. */
const RANGES_MAX = 1000;

const HELP = `
Examples:
  holdfast status disk.img
  holdfast status http://127.0.0.1:8420/v1/uploads/ID`;

export function statusCommand(): Command {
  const command = new Command("status")
    .summary("tell how far an upload is")
    .description("tell how far an upload is, and what is missing of it")
    .argument("<id|url|path>", "an upload or a file, or the path that is being uploaded");
  return withSettings(command, ASK_SETTINGS, ASK_WORDS)
    .option("--json", "print one JSON object on standard output")
    .addHelpText("after", HELP)
    .action(runStatus);
}

async function runStatus(word: string, { json }: Options, command: Command): Promise<void> {
  const settings = await readSettings(command, ASK_SETTINGS);
  const target = parseTarget(word);
  const found = await withClient(settings, (asking) => find(target, asking, settings));
  if (json) jsonLines(process.stdout)(asJson(found));
  else if (found.kind === "file") {
    process.stdout.write(formatRows(fileRows(found.id, found.manifest)));
  } else process.stdout.write(formatRows(uploadRows(found.view, Date.now())));
}

async function find(target: Target, asking: Asking, settings: Settings): Promise<Found> {
  switch (target.kind) {
    case "upload":
      return findUpload(target.url, asking);
    case "file":
      return findFile(target.url, target.id, asking);
    case "id":
      return findEither(settings.required("to"), target.id, asking);
    case "path":
      return findByPath(target.path, settings.text("to"), asking);
  }
}

async function findUpload(url: string, { client, options }: Asking): Promise<Found> {
  return { kind: "upload", url, view: await client.status({ ...options, url }) };
}

async function findFile(url: string, id: string, { client, options }: Asking): Promise<Found> {
  return { kind: "file", url, id, manifest: await client.describe({ ...options, url }) };
}

/** Nobody can see from an id what it is of. */
async function findEither(server: string, id: string, asking: Asking): Promise<Found> {
  try {
    return await findUpload(uploadAddress(server, id), asking);
  } catch (error) {
    if (toHoldfastError(error).code !== "upload_not_found") throw error;
  }
  try {
    return await findFile(fileAddress(server, id), id, asking);
  } catch (error) {
    if (toHoldfastError(error).code !== "file_not_found") throw error;
    throw new HoldfastError("upload_not_found", `neither an upload nor a file has the id ${id}`);
  }
}

/** Of uploads to several servers, the one to the server that is named. */
async function findByPath(path: string, to: string | undefined, asking: Asking): Promise<Found> {
  const known = await asking.client.uploadsOf(path);
  const wanted = to === undefined ? undefined : addressOf(to);
  const [one, second] = known.filter(({ server }) => wanted === undefined || server === wanted);
  if (one && !second) return findUpload(uploadAddress(one.server, one.id), asking);
  const others = known.map(({ server }) => server).join(", ");
  if (second) {
    const what = `${printable(path)} goes to several servers: ${others}`;
    throw new HoldfastError("usage", what, { hint: "Name one of them with --to." });
  }
  const where = known.length > 0 ? ` to ${wanted}` : "";
  throw new HoldfastError(
    "upload_not_found",
    `nothing is known of an upload of ${printable(path)}${where}`,
    {
      hint:
        known.length > 0
          ? `It goes to ${others}: name that with --to.`
          : "Checkpoints are kept for uploads that this machine and user began, one for each server.",
    },
  );
}

/** As checkpoints have it: an origin, and a path without a slash at its end. */
function addressOf(to: string): string {
  return (URL.parse(to)?.href ?? to).replace(/\/+$/, "");
}

function asJson(found: Found): Readonly<Record<string, unknown>> {
  if (found.kind === "file") {
    const { id, manifest } = found;
    const url = shownAddress(found.url);
    const { name, type, size, partSize, root, provenance } = manifest;
    return {
      event: "file",
      id,
      url,
      name,
      type,
      size,
      partSize,
      partCount: partCount(manifest),
      root: encodeHex(root),
      completedAt: provenance.completedAt,
    };
  }
  const { view, url } = found;
  const { id, state, name, type, size, hasSize, partSize, committed, offset } = view;
  return {
    event: "upload",
    id,
    url,
    state,
    name,
    type,
    ...(hasSize ? { size } : { maxSize: size }),
    partSize,
    partCount: committed.partCount,
    committedParts: countParts(committed),
    committedBytes: committedBytes(view),
    missing: firstOf(missingRanges(committed)),
    offset,
    createdAt: view.createdAt,
    expiresAt: view.expiresAt,
    ...(view.error ? { error: view.error } : {}),
    ...(view.file ? { file: { ...view.file, root: encodeHex(view.file.root) } } : {}),
  };
}

function firstOf(ranges: Iterable<PartRange>): readonly PartRange[] {
  return [...ranges].slice(0, RANGES_MAX);
}
