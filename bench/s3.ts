// Rows: a file of 1 GiB that our command line sends straight to a store that speaks S3, beside what people use for that.
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "@holdfast/testkit/free-port";
import {
  type ServerProcess,
  startProgram,
  startServer,
  stopServer,
  textOf,
} from "@holdfast/testkit/process";
import { type Store, startStore } from "../e2e/kit/bucket.ts";
import { writeContent } from "../e2e/kit/source.ts";
import { startUpload } from "../e2e/kit/upload.ts";
import { askJson } from "./ask.ts";
import { type Contender, cpuOfTree, cpuSeconds, figureOf, interleave } from "./measure.ts";
import { GIB } from "./plans.ts";
import { type Row, ratioRow, showFigure } from "./row.ts";
import { type S3Peer, s3Peers } from "./s3-peers.ts";
import { type Stage, settle } from "./stage.ts";

interface Sample {
  /** From the start of the command to its end, in seconds. */
  readonly seconds: number;
  /** CPU seconds of the command. */
  readonly client: number;
  /** CPU seconds of all processes together: the store's, and our server's where it has a part in it. */
  readonly all: number;
}

const CONCURRENCY = 4;
const PART_MIB = 8;
const OURS = "holdfast upload";

export async function s3Rows(stage: Stage): Promise<readonly Row[]> {
  const path = join(stage.memory, "s3-source");
  const directory = join(stage.directory, "s3");
  await writeContent(path, { seed: 13, size: GIB });
  const store = await startStore();
  const env = store.env("bench");
  const server = await startServer({ data: directory, port: await freePort(), env });
  try {
    const sent = { path, endpoint: store.url, bucket: "files", directory };
    const peers = await s3Peers({ ...sent, concurrency: CONCURRENCY, partMib: PART_MIB });
    const contenders: readonly Contender<Sample>[] = [
      { name: OURS, run: () => sendOurs(stage, server, path) },
      ...peers.map((peer) => ({ name: peer.name, run: () => sendTheirs(store, peer) })),
    ];
    const samples = await interleave(contenders, stage.rounds, () => settle(stage));
    return rowsOf(
      samples.get(OURS) ?? [],
      peers.map(({ name }) => ({ name, samples: samples.get(name) ?? [] })),
    );
  } finally {
    await stopServer(server);
    await store.stop();
    await rm(path);
  }
}

interface Measured {
  readonly name: string;
  readonly samples: readonly Sample[];
}

function rowsOf(ours: readonly Sample[], peers: readonly Measured[]): readonly Row[] {
  const of = (samples: readonly Sample[], what: keyof Sample) =>
    figureOf(samples.map((sample) => sample[what]));
  const name = "1 GiB straight to SeaweedFS";
  const seconds = of(ours, "seconds");
  const walls = peers.map((peer) => ({ peer: peer.name, theirs: of(peer.samples, "seconds") }));
  const fastest = Math.min(...walls.map(({ theirs }) => theirs.median));
  const cpuRow = (what: "client" | "all", said: string): Row => ({
    name: `${name}: CPU-s of ${said}`,
    ours: showFigure(of(ours, what)),
    theirs: peers.map((peer) => `${showFigure(of(peer.samples, what))} ${peer.name}`).join("; "),
    target: "",
    data: Object.fromEntries([
      [OURS, of(ours, what)],
      ...peers.map((peer) => [peer.name, of(peer.samples, what)] as const),
    ]),
  });
  return [
    ...walls.map(({ peer, theirs }) =>
      ratioRow({
        ...{ name: `${name}: seconds`, ours: seconds, peer, theirs },
        ...(theirs.median === fastest ? { target: { atMost: 1.15 } } : {}),
      }),
    ),
    cpuRow("client", "the client with start-up"),
    cpuRow("all", "client, store and server"),
  ];
}

async function sendOurs(stage: Stage, server: ServerProcess, path: string): Promise<Sample> {
  // With the last round's state, nothing would be sent.
  const state = await mkdtemp(join(stage.directory, "state-"));
  const words = ["--concurrency", `${CONCURRENCY}`];
  const { sample, url } = await measured(async () => {
    const command = startUpload(path, server.url, state, words);
    const { code } = await command.exit;
    const complete = command.events.find((event) => event.name === "complete");
    const notice = command.events.find((event) => event.name === "notice");
    if (code !== 0 || !complete || notice) throw new Error(`upload: ${command.stderr()}`);
    if (complete.fields.get("bytesSent") !== GIB) throw new Error("the upload did not send it all");
    return textOf(complete, "url");
  });
  await askJson(server.url, "DELETE", new URL(url).pathname);
  await rm(state, { recursive: true });
  return sample;
}

async function sendTheirs(store: Store, peer: S3Peer): Promise<Sample> {
  const { words, env } = peer.command("peer");
  const { sample } = await measured(async () => {
    const command = startProgram(words, { env: { ...store.env("bench"), ...env } });
    const { code } = await command.exit;
    if (code !== 0) throw new Error(`${peer.name} ended with ${code}: ${command.stderr()}`);
    return "";
  });
  return sample;
}

async function measured(
  send: () => Promise<string>,
): Promise<{ readonly sample: Sample; readonly url: string }> {
  const { pid } = process;
  // A child that has ended counts as ours.
  const look = async () => [await cpuSeconds(pid), await cpuOfTree(pid)];
  const before = await look();
  const began = performance.now();
  const url = await send();
  const seconds = (performance.now() - began) / 1000;
  const after = await look();
  const [client = 0, all = 0] = after.map((cpu, at) => cpu - (before[at] ?? 0));
  return { sample: { seconds, client, all }, url };
}
