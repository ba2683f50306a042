// `holdfast bench`: how fast a server is from here, with bytes that are made up and removed again.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AskOptions, Transfer, TransferOptions } from "@holdfast/client";
import { HoldfastError } from "@holdfast/protocol";
import { Command } from "commander";
import type { Round } from "./bench/measure.ts";
import { benchText, medianOf } from "./bench/text.ts";
import { onStopSignal } from "./interrupt.ts";
import { jsonLines } from "./json.ts";
import { paceOf } from "./options.ts";
import { readSettings, withSettings } from "./settings/options.ts";
import { formatSize, parseSize } from "./sizes.ts";

interface Options {
  readonly size: readonly number[];
  readonly rounds: number;
  readonly json?: true;
}

const BENCH_SETTINGS = ["to", "concurrency", "limit-rate", "give-up", "token-file"] as const;
const PINGS = 7;

const HELP = `
Examples:
  holdfast bench --to http://127.0.0.1:8420
  holdfast bench --size 1M,256M --rounds 5 --concurrency 8

Each round uploads and downloads as many bytes as the size says, and removes
them. It prints medians: what arrived a second, checked part by part, and the
processor time of this program.`;

export function benchCommand(): Command {
  const command = new Command("bench")
    .summary("measure how fast a server is from here")
    .description("measure uploads and downloads of bytes that are made up, and removed again");
  return withSettings(command, BENCH_SETTINGS)
    .option("--size <sizes>", "bytes a round, several with commas (default: 64M)", parseSizes, [
      64 * 1024 ** 2,
    ])
    .option("--rounds <count>", "rounds of each size (default: 3)", parseRounds, 3)
    .option("--json", "print one JSON object a line on standard output")
    .addHelpText("after", HELP)
    .action(runBench);
}

function parseSizes(text: string): readonly number[] {
  return text.split(",").map(parseSize);
}

function parseRounds(text: string): number {
  const rounds = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (rounds > 0) return rounds;
  throw new HoldfastError("usage", `"${text}" is not a number from 1 to 999`);
}

async function runBench({ size: sizes, rounds, json }: Options, command: Command): Promise<void> {
  const settings = await readSettings(command, BENCH_SETTINGS);
  const to = settings.required("to");
  const { client, each } = await paceOf(settings);
  const options = { ...client, ...each };
  const write = jsonLines(process.stdout);
  const rttMs = await roundTripMs(to);
  if (json) write({ event: "rtt", ms: rttMs, tries: PINGS });
  else process.stdout.write(`round trip  ${rttMs.toFixed(1)} ms (median of ${PINGS})\n`);
  await withTrack(to, options, async (run) => {
    for (const size of sizes) {
      const done: Round[] = [];
      for (let round = 1; round <= rounds; round++) {
        if (!json && process.stderr.isTTY) {
          process.stderr.write(`\r\u001b[K${formatSize(size)}, round ${round} of ${rounds} ...`);
        }
        done.push(await run(size));
      }
      if (!json && process.stderr.isTTY) process.stderr.write("\r\u001b[K");
      if (!json) process.stdout.write(benchText(size, done));
      else {
        const [upload, download] = [done.map((one) => one.upload), done.map((one) => one.download)];
        write({
          event: "bench",
          size,
          rounds,
          upload: medianOf(upload),
          download: medianOf(download),
        });
      }
    }
  });
}

/** The client's own connection would keep what it learned; this asks what a request costs at least. */
async function roundTripMs(to: string): Promise<number> {
  const base = URL.parse(to);
  if (!base) throw new HoldfastError("usage", "not an http or https address");
  const { createPatient, exchange } = await import("./doctor/patient.ts");
  const patient = createPatient(base, { token: undefined, origin: undefined, bodyMax: 0 });
  const times: number[] = [];
  try {
    for (let tries = 0; tries <= PINGS; tries++) {
      const { headMs } = await exchange(patient, { method: "GET", path: "/livez" });
      // The first one opens the connection.
      if (tries > 0) times.push(headMs);
    }
  } finally {
    patient.agent.destroy();
  }
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
}

/** Gives `work` the rounds; whatever ends it, nothing stays on the server that could be removed. */
async function withTrack(
  to: string,
  options: TransferOptions & AskOptions,
  work: (run: (size: number) => Promise<Round>) => Promise<void>,
): Promise<void> {
  const { ALONE, deleteFile, nodePorts } = await import("@holdfast/client/node");
  const { runRound } = await import("./bench/measure.ts");
  // Checkpoints of its own, for once: a bench is never gone on with.
  const stateDir = await mkdtemp(join(tmpdir(), "holdfast-bench-"));
  const ports = { ...nodePorts(stateDir), share: ALONE };
  let running: Transfer | undefined;
  let file: string | undefined;
  let stopped: HoldfastError | undefined;
  const track = {
    to,
    ports,
    options,
    onTransfer(transfer: Transfer | undefined) {
      running = transfer;
      if (stopped) transfer?.abort();
    },
    onFile(url: string | undefined) {
      file = url;
    },
  };
  const takeOff = onStopSignal((signal) => {
    const hint = "What was uploaded for it is removed.";
    stopped = new HoldfastError("interrupted", "the bench was interrupted", { signal, hint });
    running?.abort();
  });
  try {
    await work((size) => runRound(size, track));
  } catch (error) {
    if (file !== undefined)
      await deleteFile({ ...options, url: file }, ports).catch(() => leave(file));
    throw stopped ?? error;
  } finally {
    takeOff();
    ports.checkpoints.close();
    ports.transport.close();
    await rm(stateDir, { recursive: true, force: true });
  }
}

function leave(url: string | undefined): void {
  process.stderr.write(`holdfast: a file of the bench stays: holdfast rm ${url}\n`);
}
