// Rows: a file that our command line fetches and verifies, beside aria2 and curl, which verify nothing: from this very machine, and over line A.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { stopServer, textOf } from "@holdfast/testkit/process";
import { startProxy } from "@holdfast/testkit/proxy";
import { writeContent } from "../e2e/kit/source.ts";
import { startUpload } from "../e2e/kit/upload.ts";
import { digestOf, downloaders, type Fetched, fetchBy, OURS } from "./downloaders.ts";
import { LINE_A_DOWN } from "./lines/conditions.ts";
import { figureOf, interleave } from "./measure.ts";
import { GIB } from "./plans.ts";
import { type Row, ratioRow, showFigure } from "./row.ts";
import { type Stage, serveHoldfast, settle } from "./stage.ts";

/** Whoever needs this many times as long as the bytes alone on line A, or this long for a GiB without one, has not finished. */
const PATIENCE = 4;
const PATIENCE_MS = 60_000;

interface Sample extends Fetched {
  /** Bytes that the line took from the server beyond the file's own, headers included, as a share of the file; 0 where nobody counts. */
  readonly twice: number;
}

/** A file on a server of ours, and how one of them fetches it in one round. */
interface Plan {
  readonly size: number;
  readonly rounds: Stage["rounds"];
  readonly fetch: (
    file: { readonly url: string; readonly port: number },
    round: number,
    run: (url: string) => Promise<Fetched>,
  ) => Promise<Sample>;
  readonly patienceMs: number;
}

export async function fetchRows(stage: Stage): Promise<readonly Row[]> {
  const samples = await measure(stage, {
    ...{ size: GIB, rounds: stage.rounds, patienceMs: PATIENCE_MS },
    async fetch({ url }, _, run) {
      await settle(stage);
      return { ...(await run(url)), twice: 0 };
    },
  });
  const name = "1 GiB by one command, no line between";
  return [
    ...secondsRows(name, samples, {}),
    figuresRow(`${name}: CPU-s of the command with start-up`, samples, ({ cpu }) => cpu),
  ];
}

/** Everybody has the same resets in a round. */
export async function fetchLineARows(stage: Stage): Promise<readonly Row[]> {
  const { size, line, fates, roundsMax, name } = LINE_A_DOWN;
  const physical = size / line.bytesPerSecond;
  const samples = await measure(stage, {
    ...{ size, patienceMs: physical * PATIENCE * 1000 },
    rounds: { warmUp: 0, measured: Math.min(stage.rounds.measured, roundsMax) },
    async fetch({ url, port }, round, run) {
      const proxy = await startProxy({ targetPort: port, line, fate: fates(round) });
      const through = new URL(url);
      through.port = `${proxy.port}`;
      const fetched = await run(through.href);
      const { down } = proxy.totals();
      await proxy.close();
      return { ...fetched, twice: down / size - 1 };
    },
  });
  return [
    ...secondsRows(name, samples, { atMost: 1 }),
    figuresRow(
      `${name}: share of the physical limit, start-up and all`,
      samples,
      ({ seconds }) => physical / seconds,
      3,
    ),
    figuresRow(`${name}: fetched beyond the file's own bytes`, samples, ({ twice }) => twice, 3),
  ];
}

type Samples = ReadonlyMap<string, readonly Sample[]>;

async function measure(stage: Stage, plan: Plan): Promise<Samples> {
  const path = join(stage.directory, "fetch-source");
  await writeContent(path, { seed: 17, size: plan.size });
  const digest = await digestOf(path);
  const server = await serveHoldfast(stage, "fetch");
  try {
    const sent = startUpload(path, server.url, join(stage.directory, "fetch-state"));
    const url = textOf(await sent.event("complete"), "url");
    await sent.exit;
    await rm(path);
    const { port } = server;
    const installed = join(stage.directory, "installed");
    const contenders = (await downloaders(installed)).map((downloader) => {
      let round = 0;
      const { patienceMs } = plan;
      const run = (from: string) =>
        fetchBy(downloader, { url: from, digest, place: stage.directory, patienceMs });
      return { name: downloader.name, run: () => plan.fetch({ url, port }, round++, run) };
    });
    return await interleave(contenders, plan.rounds, async () => undefined);
  } finally {
    await stopServer(server);
    for (const place of ["fetch", "installed"]) {
      await rm(join(stage.directory, place), { recursive: true, force: true });
    }
  }
}

function othersOf(samples: Samples): readonly string[] {
  return [...samples.keys()].filter((who) => who !== OURS);
}

function figure(samples: Samples, who: string, read: (sample: Sample) => number) {
  return figureOf((samples.get(who) ?? []).map(read));
}

/** One that did not bring the whole file has no time: its row says so, and ours is then not met. */
function secondsRows(
  name: string,
  samples: Samples,
  target: { readonly atMost?: number },
): readonly Row[] {
  const seconds = (who: string) => figure(samples, who, (sample) => sample.seconds);
  const failed = (who: string) => (samples.get(who) ?? []).filter(({ isWhole }) => !isWhole).length;
  return othersOf(samples).map((peer) => {
    const { atMost } = target;
    const row = ratioRow({
      ...{ name: `${name}: seconds`, ours: seconds(OURS), peer, theirs: seconds(peer) },
      ...(atMost === undefined ? {} : { target: { atMost } }),
    });
    const isMet = row.isMet && failed(OURS) === 0;
    const of = (who: string) => (failed(who) === 0 ? "" : `, ${failed(who)} never whole`);
    return {
      ...{ ...row, ours: row.ours + of(OURS), theirs: row.theirs + of(peer) },
      ...(isMet === undefined ? {} : { isMet }),
    };
  });
}

/** What is told beside the times. */
function figuresRow(
  name: string,
  samples: Samples,
  read: (sample: Sample) => number,
  digits = 2,
): Row {
  const show = (who: string) => showFigure(figure(samples, who, read), digits);
  const theirs = othersOf(samples).map((who) => `${show(who)} ${who}`);
  const data = Object.fromEntries(samples);
  return { name, ours: show(OURS), theirs: theirs.join("; "), target: "", data };
}
