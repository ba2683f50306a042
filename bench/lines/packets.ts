// Rows: line B, where packets are lost and TCP feels the distance: how much of it several connections get, and how much one.
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MIB } from "@holdfast/protocol";
import { numberOf, startCli, startProgram, stopServer } from "@holdfast/testkit/process";
import { writeContent } from "../../e2e/kit/source.ts";
import { figureOf, interleave } from "../measure.ts";
import { type Row, showFigure } from "../row.ts";
import { type Stage, serveHoldfast, serveTus } from "../stage.ts";
import { type LineOfPackets, type Namespaces, obstacle, openNamespaces } from "./namespaces.ts";

const LINE_B: LineOfPackets = { latencyMs: 50, bitsPerSecond: 200e6, lossPerMille: 5 };
/** One stream under cubic takes a minute for a tenth of what bbr carries in 10 s. */
const SIZES = { bbr: 256 * MIB, cubic: 24 * MIB } as const;
const ROUNDS_MAX = { bbr: 3, cubic: 1 } as const;
const BARE = fileURLToPath(new URL("bare.ts", import.meta.url));
/** Streams of bare TCP beside ours. */
const BARE_STREAMS = 4;
const TUS_CLIENT = fileURLToPath(new URL("../tus-client.ts", import.meta.url));

interface Sample {
  readonly seconds: number;
  /** Share of the time that the bytes alone need. */
  readonly speed: number;
  readonly bytesSent?: number;
}

export async function lineBRows(stage: Stage): Promise<readonly Row[]> {
  const why = await obstacle();
  if (why !== undefined) return [notVerified(why)];
  const namespaces = await openNamespaces(stage.directory, LINE_B).catch((error: Error) => error);
  if (namespaces instanceof Error) return [notVerified(namespaces.message)];
  try {
    return [
      ...(await measure(stage, namespaces, "bbr")),
      ...(await measure(stage, namespaces, "cubic")),
    ];
  } finally {
    await namespaces.close();
  }
}

function notVerified(why: string): Row {
  return {
    name: "line B, 200 Mbit/s, 100 ms, 0.5 % loss",
    ours: `not verified here: ${why}`,
    theirs: "",
    target: ">= 0.85",
    data: { why },
  };
}

async function measure(
  stage: Stage,
  namespaces: Namespaces,
  control: keyof typeof SIZES,
): Promise<readonly Row[]> {
  await namespaces.useCongestionControl(control);
  const { client, server: wrapper, host } = namespaces;
  const size = SIZES[control];
  const path = join(stage.directory, "line-source");
  await writeContent(path, { seed: 4, size });
  const holdfast = await serveHoldfast(stage, "line", { wrapper, host });
  const tus = await serveTus(stage, { wrapper, host });
  const sink = startProgram([process.execPath, BARE, "sink", host], { wrapper });
  const sinkPort = numberOf(await sink.event("listening"), "port");
  const physical = (size * 8) / LINE_B.bitsPerSecond;
  const contenders = [
    {
      name: "ours",
      async run(): Promise<Sample> {
        const states = await mkdtemp(join(stage.directory, "state-"));
        const command = startCli(["upload", path, "--to", holdfast.url, "--json"], {
          env: { HOLDFAST_STATE_DIR: states },
          wrapper: client,
        });
        const complete = await command.event("complete");
        await command.exit;
        await rm(states, { recursive: true });
        const [seconds, bytesSent] = [
          numberOf(complete, "seconds"),
          numberOf(complete, "bytesSent"),
        ];
        return { seconds, speed: physical / seconds, bytesSent };
      },
    },
    {
      name: "theirs",
      async run(): Promise<Sample> {
        const words = [process.execPath, TUS_CLIENT, path, `${tus.url}/files`];
        const command = startProgram(words, { wrapper: client });
        const seconds = numberOf(await command.event("complete"), "seconds");
        await command.exit;
        return { seconds, speed: physical / seconds };
      },
    },
    {
      name: "bare",
      async run(): Promise<Sample> {
        const numbers = [sinkPort, size, BARE_STREAMS].map(String);
        const words = [process.execPath, BARE, "source", host, ...numbers];
        const command = startProgram(words, { wrapper: client });
        const seconds = numberOf(await command.event("complete"), "seconds");
        await command.exit;
        return { seconds, speed: physical / seconds };
      },
    },
  ];
  const rounds = { warmUp: 0, measured: Math.min(stage.rounds.measured, ROUNDS_MAX[control]) };
  const samples = await interleave(contenders, rounds, () => tus.clear());
  await tus.stop();
  sink.kill("SIGKILL");
  await sink.exit;
  await stopServer(holdfast);
  await rm(path);
  await rm(join(stage.directory, "line"), { recursive: true });
  return [rowOf(control, samples)];
}

function rowOf(control: keyof typeof SIZES, samples: ReadonlyMap<string, readonly Sample[]>): Row {
  const [speed, one, bare] = (["ours", "theirs", "bare"] as const).map((name) =>
    figureOf((samples.get(name) ?? []).map((sample) => sample.speed)),
  );
  if (!speed || !one || !bare) throw new Error("nothing was measured");
  const beside = [
    `${showFigure(one, 3)} tus-js-client, one stream`,
    `${showFigure(bare, 3)} bare TCP, ${BARE_STREAMS} streams`,
  ];
  const shown = {
    ours: showFigure(speed, 3),
    theirs: beside.join("; "),
    data: Object.fromEntries(samples),
  };
  const name = `line B, 200 Mbit/s, 100 ms, 0.5 % loss, ${control}`;
  if (control === "bbr") {
    const isMet = speed.median >= 0.85;
    return { name, ...shown, value: speed.median, target: ">= 0.85 of the line", isMet };
  }
  const value = speed.median / one.median;
  return { name, ...shown, value, target: ">= 1.5 x one stream", isMet: value >= 1.5 };
}
