// Rows: processor time and memory of the client SDK for a GiB from a file, digested and sent, and back to a file, verified.
import { hash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MIB } from "@holdfast/protocol";
import {
  type CommandEvent,
  numberOf,
  type ServerProcess,
  startProgram,
  stopServer,
  textOf,
} from "@holdfast/testkit/process";
import { writeContent } from "../e2e/kit/source.ts";
import { type Contender, figureOf, interleave } from "./measure.ts";
import { GIB } from "./plans.ts";
import { type Row, showFigure } from "./row.ts";
import { type Stage, serveHoldfast, settle } from "./stage.ts";

const LOAD = fileURLToPath(new URL("client-load.ts", import.meta.url));
const AT_MOST = { upload: 0.75, download: 0.85 } as const;

interface Sample {
  readonly cpu: number;
  readonly memory: number;
}

export async function clientRows(stage: Stage): Promise<readonly Row[]> {
  const path = join(stage.memory, "client-source");
  await writeContent(path, { seed: 5, size: GIB });
  const server = await serveHoldfast(stage, "client");
  const { url } = await send(stage, server, path);
  const contenders: readonly Contender<Sample>[] = [
    { name: "upload", run: () => send(stage, server, path) },
    { name: "download", run: () => fetchBack(stage, url) },
    { name: "SHA-256 alone", run: digestAlone },
  ];
  const samples = await interleave(contenders, stage.rounds, () => settle(stage));
  await stopServer(server);
  await rm(join(stage.directory, "client"), { recursive: true });
  await rm(path);
  const of = (name: string, read: (sample: Sample) => number) =>
    figureOf((samples.get(name) ?? []).map(read));
  const alone = of("SHA-256 alone", ({ cpu }) => cpu);
  return (["upload", "download"] as const).flatMap((name) => {
    const cpu = of(name, (sample) => sample.cpu);
    const memory = of(name, (sample) => sample.memory / MIB);
    return [
      {
        name: `client, ${name} of a GiB: CPU-s`,
        ours: showFigure(cpu),
        theirs: `${showFigure(alone)} SHA-256 alone`,
        value: cpu.median,
        target: `<= ${AT_MOST[name]}`,
        isMet: cpu.median <= AT_MOST[name],
        data: { cpu, alone },
      },
      {
        name: `client, ${name} of a GiB: MiB of memory at most`,
        ours: showFigure(memory, 0),
        theirs: "",
        target: "",
        data: { memory },
      },
    ];
  });
}

/** A state of its own for each: with the last one's, nothing would be sent. */
async function withLoad<Result>(
  stage: Stage,
  words: (state: string) => readonly string[],
  use: (complete: CommandEvent) => Result,
): Promise<Result> {
  const state = await mkdtemp(join(stage.directory, "state-"));
  try {
    const command = startProgram([process.execPath, LOAD, ...words(state)]);
    const complete = await command.event("complete");
    await command.exit;
    return use(complete);
  } finally {
    await rm(state, { recursive: true });
  }
}

function sampleOf(complete: CommandEvent): Sample {
  if (numberOf(complete, "size") !== GIB) throw new Error("another size was moved");
  return { cpu: numberOf(complete, "cpu"), memory: numberOf(complete, "memory") };
}

function send(
  stage: Stage,
  { url }: ServerProcess,
  path: string,
): Promise<Sample & { readonly url: string }> {
  return withLoad(
    stage,
    (state) => ["upload", path, url, state],
    (complete) => ({ ...sampleOf(complete), url: textOf(complete, "url") }),
  );
}

function fetchBack(stage: Stage, url: string): Promise<Sample> {
  return withLoad(stage, (state) => ["download", url, join(state, "copy"), state], sampleOf);
}

/** What the digests cost by themselves on this machine. */
async function digestAlone(): Promise<Sample> {
  const part = Buffer.alloc(MIB, 7);
  const before = process.cpuUsage();
  for (let at = 0; at < GIB; at += part.length) hash("sha256", part, "buffer");
  const { user, system } = process.cpuUsage(before);
  return { cpu: (user + system) / 1e6, memory: 0 };
}
