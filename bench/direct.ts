// Rows: what an upload of 1 GiB whose parts go straight to a store takes of our server, warm.
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "@holdfast/testkit/free-port";
import { startCli, startServer, stopServer } from "@holdfast/testkit/process";
import { startProxy } from "@holdfast/testkit/proxy";
import { startStore } from "../e2e/kit/bucket.ts";
import { writeContent } from "../e2e/kit/source.ts";
import { cpuSeconds, figureOf, interleave } from "./measure.ts";
import { GIB } from "./plans.ts";
import { type Row, showFigure } from "./row.ts";
import { type Stage, settle } from "./stage.ts";

const CPU_MAX = 0.3;
const MIB = 1024 * 1024;

interface Sample {
  /** CPU seconds of the server. */
  readonly cpu: number;
  /** MiB that went between it and the client, and between it and the store, both ways. */
  readonly moved: number;
  /** GiB a second. */
  readonly rate: number;
}

/** A connection to the store on which no whole part went, in bytes: it was the server's. */
const PART_SIZE_MIN = 8 * MIB;

export async function directRows(stage: Stage): Promise<readonly Row[]> {
  const path = join(stage.memory, "direct");
  await writeContent(path, { seed: 3, size: GIB });
  const toStore: { proxy?: Awaited<ReturnType<typeof startProxy>> } = {};
  const store = await startStore(async (url) => {
    toStore.proxy = await startProxy({ targetPort: Number(new URL(url).port) });
    return toStore.proxy.url;
  });
  const port = await freePort();
  const data = join(stage.directory, "direct");
  const server = await startServer({ data, port, env: store.env("direct") });
  const toServer = await startProxy({ targetPort: port });
  const storeProxy = toStore.proxy;
  if (!storeProxy) throw new Error("the store has no proxy before it");

  /** Bytes of the connections that took no part since the last look. */
  function movedToStore(before: ReadonlyMap<number, number>): number {
    return storeProxy
      ? storeProxy.connections
          .map(({ index, up, down }) => ({ up, all: up + down - (before.get(index) ?? 0) }))
          .filter(({ up }) => up < PART_SIZE_MIN)
          .reduce((sum, { all }) => sum + all, 0)
      : 0;
  }

  async function run(): Promise<Sample> {
    const state = await mkdtemp(join(stage.directory, "state-"));
    const before = await cpuSeconds(server.serverPid);
    const seen = new Map(
      (storeProxy?.connections ?? []).map(({ index, up, down }) => [index, up + down]),
    );
    const own = toServer.totals();
    const command = startCli(["upload", path, "--to", toServer.url, "--json"], {
      env: { HOLDFAST_STATE_DIR: state },
    });
    const { code } = await command.exit;
    const complete = command.events.find(({ name }) => name === "complete");
    if (code !== 0 || !complete) throw new Error(`upload ended with ${code}: ${command.stderr()}`);
    const cpu = (await cpuSeconds(server.serverPid)) - before;
    const now = toServer.totals();
    const moved = now.up + now.down - own.up - own.down + movedToStore(seen);
    await rm(state, { recursive: true });
    await fetch(String(complete.fields.get("url")), { method: "DELETE" });
    return { cpu, moved: moved / MIB, rate: 1 / Number(complete.fields.get("seconds")) };
  }

  try {
    const samples =
      (await interleave([{ name: "direct", run }], stage.rounds, () => settle(stage))).get(
        "direct",
      ) ?? [];
    const figure = (read: (sample: Sample) => number) => figureOf(samples.map(read));
    const [cpu, moved, rate] = [
      figure((one) => one.cpu),
      figure((one) => one.moved),
      figure((one) => one.rate),
    ];
    const name = "one 1 GiB file straight to SeaweedFS";
    return [
      {
        name: `${name}: server CPU-s`,
        ...{ ours: showFigure(cpu), theirs: "", value: cpu.median, data: { cpu } },
        ...{ target: `<= ${CPU_MAX}`, isMet: cpu.median <= CPU_MAX },
      },
      {
        name: `${name}: MiB that the server moves`,
        ...{ ours: showFigure(moved), theirs: "", value: moved.median, data: { moved } },
        ...{ target: "< 1", isMet: moved.median < 1 },
      },
      {
        name: `${name}: GiB/s`,
        ...{ ours: showFigure(rate), theirs: "", target: "", data: { rate } },
      },
    ];
  } finally {
    await stopServer(server);
    await toServer.close();
    await storeProxy.close();
    await store.stop();
    await rm(path);
  }
}
