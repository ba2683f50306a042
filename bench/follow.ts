// Rows: what 100 who follow an upload cost the server beside 100 who download the same bytes as a file, and how far behind what is committed they are.
import { open, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { KIB, MIB } from "@holdfast/protocol";
import { type ServerProcess, stopServer } from "@holdfast/testkit/process";
import { startCluster } from "../examples/cluster/cluster.ts";
import { askJson } from "./ask.ts";
import type { PlannedRequest } from "./load.ts";
import { type Contender, cpuOfTree, type Figure, figureOf, interleave } from "./measure.ts";
import { completeUpload, createUpload, runsOf, SOURCE_SIZE } from "./plans.ts";
import { type Row, ratioRow, showFigure } from "./row.ts";
import { type Stage, serveHoldfast, settle } from "./stage.ts";

const FOLLOWERS = 100;
/** Seconds that a follower may be behind what is committed. */
const BEHIND_MAX = 1;
/** Milliseconds until all who follow have asked. */
const ASKING_MS = 500;
const PLAIN = "plain downloads";
const COPIED = "plain downloads that pass through memory";

/** How an upload grows: appends of one size, each begun so long after the one before, or as soon as that is through. */
interface Growth {
  readonly name: string;
  /** Of the upload, in bytes. */
  readonly size: number;
  /** Of an append, in bytes. */
  readonly step: number;
  /** Between the beginnings of two. */
  readonly everyMs: number;
}

/** As a film that is recorded: 16 Mbit/s. */
const FILM: Growth = {
  name: "2 MiB/s in steps of 256 KiB",
  ...{ size: 16 * MIB, step: 256 * KIB, everyMs: 125 },
};

/** A film of 16 MiB costs no more than what V8 compiles the first few hundred times that somebody is woken, and than what two runs of it differ by. */
const GROWTHS: readonly Growth[] = [
  { name: "as fast as it can", size: 64 * MIB, step: 8 * MIB, everyMs: 0 },
  { ...FILM, size: 32 * MIB },
];

export async function followRows(stage: Stage): Promise<readonly Row[]> {
  const server = await serveHoldfast(stage, "follow");
  const copying = await serveHoldfast(stage, "follow-copying", {
    env: { NODE_OPTIONS: "--no-experimental-ffi" },
  });
  const rows: Row[] = [];
  for (const growth of GROWTHS) rows.push(...(await costRows(stage, server, copying, growth)));
  await stopServer(copying);
  const { url, port } = server;
  rows.push(await behindRow(stage, "on a disk", { url, port }));
  await stopServer(server);
  rows.push(await elsewhereRow(stage));
  for (const name of ["follow", "follow-copying"]) {
    await rm(join(stage.directory, name), { recursive: true });
  }
  return rows;
}

/** What is followed was never in the page cache, so that the kernel cannot send it: what downloads cost over TLS or elsewhere than on Linux is told, too. */
async function costRows(
  stage: Stage,
  server: ServerProcess,
  copying: ServerProcess,
  growth: Growth,
): Promise<readonly Row[]> {
  const file = await publish(stage, server, growth.size);
  const copied = await publish(stage, copying, growth.size);
  const contenders: readonly Contender<number>[] = [
    { name: "followers", run: () => followAll(stage, server, growth) },
    { name: "alone", run: () => growAlone(stage, server, growth) },
    { name: PLAIN, run: () => meanOfGetting(stage, server, file, growth.size) },
    { name: COPIED, run: () => meanOfGetting(stage, copying, copied, growth.size) },
  ];
  const samples = await interleave(contenders, stage.rounds, () => settle(stage));
  const of = (name: string): readonly number[] => samples.get(name) ?? [];
  // What the upload itself costs is no follower's.
  const ours = figureOf(of("followers").map((cpu, round) => cpu - (of("alone")[round] ?? 0)));
  const name = `${FOLLOWERS} followers of ${growth.size / MIB} MiB, ${growth.name}: server CPU-s`;
  return [PLAIN, COPIED].map((peer) =>
    ratioRow({
      name: `${name}, beside ${peer}`,
      ours,
      peer,
      theirs: figureOf(of(peer)),
      target: { atMost: 1 },
    }),
  );
}

/** Downloads are over in a moment, and differ by half from one moment to the next: one round has several. */
const GETTINGS = 3;

async function meanOfGetting(
  stage: Stage,
  server: ServerProcess,
  path: string,
  size: number,
): Promise<number> {
  let sum = 0;
  for (let time = 0; time < GETTINGS; time++) {
    await settle(stage);
    sum += await costOf(server, () => getAll(stage, server, path, size));
  }
  return sum / GETTINGS;
}

/** CPU seconds of the server while something is done. */
async function costOf({ serverPid }: ServerProcess, work: () => Promise<unknown>): Promise<number> {
  const before = await cpuOfTree(serverPid);
  await work();
  return (await cpuOfTree(serverPid)) - before;
}

async function followAll(stage: Stage, server: ServerProcess, growth: Growth): Promise<number> {
  return costOf(server, async () => {
    const id = await createUpload(server.url, growth.size);
    const following = getAll(stage, server, `/v1/uploads/${id}/content?follow=1`, growth.size);
    await sleep(ASKING_MS);
    await Promise.all([following, appendAll(stage, server, id, growth)]);
  });
}

/** The same without anybody who follows, and as long. */
async function growAlone(stage: Stage, server: ServerProcess, growth: Growth): Promise<number> {
  return costOf(server, async () => {
    const id = await createUpload(server.url, growth.size);
    await sleep(ASKING_MS);
    await appendAll(stage, server, id, growth);
  });
}

/** All but the last byte: what goes to the end has no length that the load generator could go by. */
const rangeOf = (size: number): string => `bytes=0-${size - 2}`;

async function getAll(
  { load }: Stage,
  { port }: ServerProcess,
  path: string,
  size: number,
): Promise<void> {
  const request = { method: "GET", path, headers: { range: rangeOf(size) } };
  const plan = Array.from(
    { length: FOLLOWERS },
    (_, group): PlannedRequest => ({ group, ...request, bodyOffset: 0, bodySize: 0 }),
  );
  const { bytes } = await load.send(port, FOLLOWERS, plan);
  // What the generator counts is what it has sent.
  if (bytes > 0) throw new Error("downloads have no bodies");
}

async function publish(stage: Stage, server: ServerProcess, size: number): Promise<string> {
  const id = await createUpload(server.url, size);
  await stage.load.send(server.port, 8, runsOf(id, size, stage.digests));
  await completeUpload(server.url, id);
  const { body } = await askJson(server.url, "GET", `/v1/uploads/${id}`);
  const file = body.get("file");
  if (typeof file !== "object" || !file || !("url" in file)) throw new Error("no file was told");
  return String(file.url);
}

/** Resolves when all of it is appended, and is a file. `onCommitted` hears how much is, as soon as the server has said so. */
async function appendAll(
  { source }: Stage,
  { url }: Pick<Served, "url">,
  id: string,
  { size, step, everyMs }: Growth,
  onCommitted: (offset: number) => void = () => undefined,
): Promise<void> {
  const file = await open(source, "r");
  try {
    for (let at = 0; at < size; at += step) {
      const begun = performance.now();
      const bytes = Buffer.alloc(step);
      await file.read(bytes, 0, step, at % SOURCE_SIZE);
      const answer = await fetch(`${url}/v1/uploads/${id}`, {
        method: "PATCH",
        headers: {
          "content-type": "application/partial-upload",
          "upload-offset": `${at}`,
          "upload-complete": at + step >= size ? "?1" : "?0",
        },
        body: bytes,
      });
      if (!answer.ok) throw new Error(`an append was answered with ${answer.status}`);
      await answer.arrayBuffer();
      onCommitted(at + step);
      await sleep(Math.max(0, begun + everyMs - performance.now()));
    }
  } finally {
    await file.close();
  }
}

interface Served {
  /** Where bytes are appended. */
  readonly url: string;
  /** Where they are followed. */
  readonly port: number;
}

/** Bytes in a store, records in PostgreSQL: one server commits, those who follow are at another. */
async function elsewhereRow(stage: Stage): Promise<Row> {
  const cluster = await startCluster(join(stage.directory, "follow"), 2);
  try {
    const [here = "", there = ""] = cluster.urls();
    const served = { url: here, port: Number(new URL(there).port) };
    return await behindRow(stage, "at another server, in SeaweedFS", served);
  } finally {
    await cluster.stop();
  }
}

async function behindRow(stage: Stage, where: string, served: Served): Promise<Row> {
  const behind: number[] = [];
  for (let round = 0; round < stage.rounds.measured; round++) {
    await settle(stage);
    behind.push(await mostBehind(stage, served));
  }
  const figure: Figure = figureOf(behind);
  return {
    name: `${FOLLOWERS} followers ${where}, ${FILM.name}: s behind what is committed, the one that is behind most`,
    ours: showFigure(figure),
    theirs: "",
    value: figure.max,
    target: `<= ${BEHIND_MAX.toFixed(2)} s`,
    isMet: figure.max <= BEHIND_MAX,
    data: { ours: figure },
  };
}

interface Moment {
  /** Bytes by then, from the first on. */
  readonly offset: number;
  /** Milliseconds. */
  readonly at: number;
}

/** Seconds from an append's answer until the last of those who follow has all of it: the most of all appends. */
async function mostBehind(stage: Stage, served: Served): Promise<number> {
  const id = await createUpload(served.url, FILM.size, { live: true });
  const commits: Moment[] = [];
  const following = Array.from({ length: FOLLOWERS }, () => followBy(served.port, id));
  await sleep(ASKING_MS);
  await appendAll(stage, served, id, FILM, (offset) => {
    commits.push({ offset, at: performance.now() });
  });
  let behind = 0;
  for (const come of await Promise.all(following)) {
    for (const { offset, at } of commits) {
      // The last byte of all is in no range of theirs.
      const there = come.find((moment) => moment.offset >= Math.min(offset, FILM.size - 1));
      behind = Math.max(behind, (there?.at ?? Number.POSITIVE_INFINITY) - at);
    }
  }
  return behind / 1000;
}

/** Resolves with what had come when, once all has. */
function followBy(port: number, id: string): Promise<readonly Moment[]> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, "127.0.0.1");
    const come: Moment[] = [];
    let head: Buffer | undefined = Buffer.alloc(0);
    let offset = 0;
    socket.on("error", reject).on("close", () => reject(new Error("cut off")));
    socket.on("data", (bytes: Buffer) => {
      if (head) {
        head = Buffer.concat([head, bytes]);
        const end = head.indexOf("\r\n\r\n");
        if (end < 0) return;
        if (!head.includes("HTTP/1.1 206 ")) reject(new Error("refused"));
        offset = head.length - end - 4;
        head = undefined;
      } else offset += bytes.length;
      come.push({ offset, at: performance.now() });
      if (offset < FILM.size - 1) return;
      resolve(come);
      socket.destroy();
    });
    const path = `/v1/uploads/${id}/content?follow=1`;
    socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nrange: ${rangeOf(FILM.size)}\r\n\r\n`);
  });
}
