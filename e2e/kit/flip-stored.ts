// Bits that flip where files are stored, one after another: each time a verifying client is refused by name, and what rotted is mended by the same file uploaded again.
import { mkdtemp, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@holdfast/client/node";
import { isHoldfastError, KIB } from "@holdfast/protocol";
import { startServer, stopServer } from "@holdfast/testkit/process";
import { createDice, writeContent } from "./source.ts";

export interface FlipReport {
  readonly seed: number;
  /** Flips of one bit, each in a part that had none before. */
  flips: number;
  /** Downloads that were refused, and of these those that named the part and its file. */
  refused: number;
  named: number;
  /** Files that were right again once the flips in them were taken back. */
  rightAgain: number;
  /** Files that were mended by an upload of the same, with flips in all of their parts. */
  healed: number;
  files: number;
  readonly violations: string[];
}

const PART: number = 256 * KIB;
const PARTS = 10;
const SIZE: number = PARTS * PART - 4321;

export async function flipStored(
  directory: string,
  { flips, seed }: { readonly flips: number; readonly seed: number },
): Promise<FlipReport> {
  const report: FlipReport = {
    ...{ seed, flips: 0, refused: 0, named: 0, rightAgain: 0, healed: 0, files: 0 },
    violations: [],
  };
  const dice = createDice(seed);
  const data = join(directory, "data");
  const server = await startServer({ data, port: 0 });
  const client = createClient({ stateDir: join(directory, "state") });

  async function bring(path: string): Promise<{ readonly url: string; readonly stored: string }> {
    const before = new Set(await readdir(join(data, "uploads")));
    const { url } = await client.upload(path, { to: server.url, partSize: PART }).done;
    for (const name of await readdir(join(data, "uploads"))) {
      const stored = join(data, "uploads", name);
      const { size } = await stat(stored);
      if (!before.has(name) && size === SIZE) return { url, stored };
    }
    throw new Error("the bytes of an upload are nowhere");
  }

  /** Undefined where it came whole and right; into a directory of its own, since what has come once is not asked for again. */
  async function refusal(url: string): Promise<unknown> {
    const fresh = await mkdtemp(join(directory, "copy-"));
    const download = client.download(url, join(fresh, "copy"), { giveUpMs: 30_000 });
    const error = await download.done.then(
      () => undefined,
      (cause: unknown) => cause,
    );
    await rm(fresh, { recursive: true });
    return error;
  }

  /** `flipped` are the parts of the file that are bad then: whichever comes first is named. */
  async function flipOne(
    { url, stored }: { readonly url: string; readonly stored: string },
    index: number,
    flipped: ReadonlySet<unknown>,
  ): Promise<() => Promise<void>> {
    const end = Math.min(SIZE, (index + 1) * PART);
    const at = dice.whole(index * PART, end - 1);
    const bit = 1 << dice.whole(0, 7);
    await flip(stored, at, bit);
    report.flips++;
    const until = Date.now() + 10_000;
    let error = await refusal(url);
    // What was bad a moment ago, and is right again, the server may take for bad for a second: it was not the one who mended it.
    while (namesAnother(error, flipped) && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      error = await refusal(url);
    }
    if (error) report.refused++;
    const isNamed =
      isHoldfastError(error) &&
      error.code === "part_damaged" &&
      flipped.has(error.details["index"]) &&
      error.details["file"] === url.slice(-26);
    if (isNamed) report.named++;
    else report.violations.push(`flip of bit ${bit} at ${at} of ${url}: ${error}`);
    return () => flip(stored, at, bit);
  }

  try {
    while (report.flips < flips) {
      const path = join(directory, `source-${report.files}`);
      await writeContent(path, { size: SIZE, seed: dice.whole(0, 1e9) });
      const file = await bring(path);
      const { url } = file;
      const flipped = new Set<number>();
      const undo: (() => Promise<void>)[] = [];
      const count = Math.min(PARTS, flips - report.flips);
      for (let index = 0; index < count; index++) {
        flipped.add(index);
        undo.push(await flipOne(file, index, flipped));
        // Every other file keeps all of its flips, for the same file to mend.
        if (report.files % 2 === 1) continue;
        await undo.pop()?.();
        flipped.clear();
      }
      if (undo.length > 0) await bring(path);
      const until = Date.now() + 60_000;
      let error = await refusal(url);
      while (error && Date.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        error = await refusal(url);
      }
      if (error) report.violations.push(`${url} is not right again: ${error}`);
      else if (undo.length > 0) report.healed++;
      else report.rightAgain++;
      report.files++;
    }
  } finally {
    client.close();
    await stopServer(server);
  }
  return report;
}

/** Whether a part was named that is not bad. */
function namesAnother(error: unknown, flipped: ReadonlySet<unknown>): boolean {
  if (!isHoldfastError(error) || error.code !== "part_damaged") return false;
  return !flipped.has(error.details["index"]);
}

async function flip(path: string, at: number, bit: number): Promise<void> {
  const file = await open(path, "r+");
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    await file.write(Buffer.of((byte[0] ?? 0) ^ bit), 0, 1, at);
  } finally {
    await file.close();
  }
}
