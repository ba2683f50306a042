// `holdfast verify`: compares a local copy, and where asked for what the server sends, with a file's manifest, part by part.
import { stat } from "node:fs/promises";
import type { BadPart } from "@holdfast/client";
import { encodeHex, HoldfastError, type Manifest } from "@holdfast/protocol";
import { Command } from "commander";
import { parseFileAddress, shownAddress } from "./addresses.ts";
import { ASK_WORDS, type Asking, withClient } from "./asking.ts";
import { Ended } from "./ended.ts";
import { EXIT } from "./exit-codes.ts";
import { jsonLines } from "./json.ts";
import { createPainter } from "./painter.ts";
import { plainLine, progressLine } from "./progress.ts";
import { readSettings, withSettings } from "./settings/options.ts";
import { formatSize } from "./sizes.ts";
import { createTerminal, printable } from "./terminal.ts";
import { badText, goodText } from "./verify-text.ts";

interface Options {
  readonly download?: true;
  readonly json?: true;
}

interface Look extends Options {
  readonly color: string | undefined;
}

const VERIFY_SETTINGS = ["token-file", "give-up"] as const;

const HELP = `
Examples:
  holdfast verify disk.img http://127.0.0.1:8420/v1/files/ID
  holdfast verify --download disk.img URL      reads what the server sends, too

Exit codes: 0 the same; 6 the local copy differs; 7 the server's bytes are bad.
Nothing is changed: holdfast repair fetches the parts that are bad or missing.`;

export function verifyCommand(): Command {
  const command = new Command("verify")
    .summary("compare a local copy with the file")
    .description("compare a local copy with the file on the server, part by part")
    .argument("<path>", "the local copy")
    .argument("<url>", "address of the file", parseFileAddress);
  return withSettings(command, VERIFY_SETTINGS, ASK_WORDS)
    .option("--download", "read the server's bytes and verify them, too")
    .option("--json", "print one JSON object a line on standard output")
    .addHelpText("after", HELP)
    .action(runVerify);
}

async function runVerify(
  path: string,
  url: string,
  options: Options,
  command: Command,
): Promise<void> {
  const settings = await readSettings(command, VERIFY_SETTINGS);
  const size = await sizeOf(path);
  const look = { ...options, color: settings.text("color") };
  const exit = await withClient(settings, async (asking) => {
    const manifest = await asking.client.describe({ ...asking.options, url });
    const tell = options.json ? tellJson(manifest) : tellText(manifest);
    const local = await verifyLocal(path, manifest, asking, look);
    const excess = Math.max(0, size - manifest.size);
    tell("local", path, local, excess);
    const remote = options.download ? await verifyRemote(url, manifest, asking, look) : [];
    if (options.download) tell("remote", shownAddress(url), remote, 0);
    if (remote.length > 0) return EXIT.fatal;
    return local.length > 0 || excess > 0 ? EXIT.noRetry : EXIT.ok;
  });
  if (exit !== EXIT.ok) throw new Ended(exit);
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (cause) {
    throw new HoldfastError("source_unreadable", `cannot read ${printable(path)}`, {}, cause);
  }
}

function verifyLocal(
  path: string,
  manifest: Manifest,
  { client }: Asking,
  look: Look,
): Promise<readonly BadPart[]> {
  return withProgress(manifest, look, "reading the local copy", (onProgress) =>
    client.verifyLocal(path, { manifest, onProgress }),
  );
}

function verifyRemote(
  url: string,
  manifest: Manifest,
  { client, options: common }: Asking,
  look: Look,
): Promise<readonly BadPart[]> {
  return withProgress(manifest, look, "reading from the server", (onProgress) =>
    client.verifyRemote({ ...common, url, manifest, onProgress }),
  );
}

async function withProgress<T>(
  { size }: Manifest,
  { json, color }: Look,
  standing: string,
  work: (onProgress: (bytes: number) => void) => Promise<T>,
): Promise<T> {
  if (json) return work(() => undefined);
  const terminal = createTerminal(process.stderr, process.env, color);
  const still = { sent: 0, size, rate: 0, left: undefined, standing, isTrouble: false };
  let committed = 0;
  const painter = createPainter(terminal, {
    lines: (columns) => [progressLine({ ...still, committed }, { ...terminal, columns })],
    plain: () => plainLine({ ...still, committed }),
  });
  try {
    return await work((bytes) => {
      committed = bytes;
    });
  } finally {
    painter.stop();
  }
}

type Tell = (
  side: "local" | "remote",
  name: string,
  bad: readonly BadPart[],
  excess: number,
) => void;

function tellText(manifest: Manifest): Tell {
  return (_side, name, bad, excess) => {
    const subject = printable(name);
    if (bad.length > 0) process.stdout.write(badText(subject, bad));
    else if (excess === 0) process.stdout.write(goodText(subject, manifest));
    if (excess > 0) {
      process.stdout.write(`${subject}: ${formatSize(excess)} more than the file has\n`);
    }
  };
}

function tellJson({ root, size }: Manifest): Tell {
  const write = jsonLines(process.stdout);
  return (side, name, bad, excess) => {
    const isSame = bad.length === 0 && excess === 0;
    write({
      event: "verified",
      side,
      name,
      same: isSame,
      size,
      root: encodeHex(root),
      excess,
      bad,
    });
  };
}
