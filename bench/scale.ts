// Rows: what many parts cost. A terabyte on paper, in this process; 100,000 parts and a reading back on the disk.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createEngine, type Engine } from "@holdfast/engine";
import { encodeUpload, KIB, MIB } from "@holdfast/protocol";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { type ServerProcess, stopServer } from "@holdfast/testkit/process";
import { commitOnPaper, createPaperStorage } from "@holdfast/testkit/storage/paper";
import { alice, createRequest, memoryParts } from "@holdfast/testkit/world";
import { systemClock, systemDigests } from "../packages/server/src/platform.ts";
import { askJson } from "./ask.ts";
import { figureOf, memoryOf } from "./measure.ts";
import { createUpload, type Digesting, digestSource, GIB, runsOf } from "./plans.ts";
import { type Row, showFigure } from "./row.ts";
import { type Stage, serveHoldfast, settle } from "./stage.ts";

const CONNECTIONS = 8;
const SMALL: Digesting = { algorithm: "sha-256", partSize: 256 * KIB };

export async function scaleRows(stage: Stage): Promise<readonly Row[]> {
  const digests = await digestSource(stage.source, SMALL);
  return [
    ...(await paperRows(stage)),
    ...(await completeRows(stage, digests)),
    ...(await readbackRows(stage, digests)),
  ];
}

/** A section of its own: it writes 24 GiB. */
export async function scaleDiskRows(stage: Stage): Promise<readonly Row[]> {
  return manyPartsRows(stage, await digestSource(stage.source, SMALL));
}

/** One row of values that all count, the worst of them against the limit. */
function limitRow(name: string, values: readonly number[], most?: number, digits = 1): Row {
  const figure = figureOf(values);
  const row = { name, ours: showFigure(figure, digits), theirs: "", data: figure };
  if (most === undefined) return { ...row, target: "" };
  return { ...row, value: figure.median, target: `<= ${most}`, isMet: figure.median <= most };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** The most processor time that this thread spends in one turn of the event loop meanwhile, in ms: who else uses the machine does not count. */
async function longestTurn(work: () => Promise<unknown>): Promise<number> {
  let isDone = false;
  let longest = 0;
  let before = process.threadCpuUsage();
  const worked = work().finally(() => {
    isDone = true;
  });
  while (!isDone) {
    await nextTurn();
    const { user, system } = process.threadCpuUsage(before);
    longest = Math.max(longest, (user + system) / 1000);
    before = process.threadCpuUsage();
  }
  await worked;
  return longest;
}

/** 1 TiB in 65,536 parts of 16 MiB: engine, records and manifest are real, the bytes are not. */
async function paperRows({ rounds }: Stage): Promise<readonly Row[]> {
  const create: number[] = [];
  const status: number[] = [];
  const sizes: number[] = [];
  const complete: number[] = [];
  const turns: number[] = [];
  const pieces: number[] = [];
  for (let round = 0; round < rounds.warmUp + rounds.measured; round++) {
    const storage = createPaperStorage();
    const metadata = createMemoryMetadata();
    const parts = { storage, metadata, clock: systemClock, digests: systemDigests };
    // A new engine has nothing in memory: it reads the records as after a restart.
    const restarted = (): Engine => createEngine(memoryParts(parts));
    const { partSize: _, ...request } = createRequest(MIB * MIB);
    const first = restarted();
    let view = await first.create(alice, request);
    const createMs = await timed(async () => {
      view = await first.create(alice, request);
    });
    await commitOnPaper(metadata, view, 2);
    const second = restarted();
    let text = "";
    const statusMs = await timed(async () => {
      const half = await second.status(alice, view.id);
      text = JSON.stringify(encodeUpload(half));
    });
    await commitOnPaper(metadata, view);
    const third = restarted();
    let turnMs = 0;
    const completeMs = await timed(async () => {
      turnMs = await longestTurn(() => third.complete(alice, view.id, {}));
    });
    if (round < rounds.warmUp) continue;
    create.push(createMs);
    status.push(statusMs);
    sizes.push(text.length / KIB);
    complete.push(completeMs);
    turns.push(turnMs);
    pieces.push(Math.max(...storage.pieces) / KIB);
  }
  return [
    limitRow("1 TiB on paper: create ms", create, 20),
    limitRow("1 TiB on paper: status ms, every other part there, read afresh", status, 20),
    limitRow("1 TiB on paper: size of that status, KiB", sizes, 64),
    limitRow("1 TiB on paper: complete ms, read afresh", complete),
    limitRow("1 TiB on paper: most processor time in one turn of it, ms", turns, 20),
    limitRow("1 TiB on paper: largest piece of its manifest, KiB", pieces, 2048, 0),
  ];
}

/** As many parts as 10 GiB have, with fewer bytes: complete touches none of them. */
const COMPLETE_PARTS = 10_240;

async function completeRows(stage: Stage, digests: readonly Uint8Array[]): Promise<readonly Row[]> {
  const server = await serveHoldfast(stage, "complete");
  const times: number[] = [];
  for (let round = 0; round < stage.rounds.warmUp + stage.rounds.measured; round++) {
    await settle(stage);
    const id = await uploadSmall(stage, server, digests, COMPLETE_PARTS);
    const path = `/v1/uploads/${id}/complete`;
    const ms = await timed(() => askJson(server.url, "POST", path, {}));
    if (round >= stage.rounds.warmUp) times.push(ms);
  }
  await stopServer(server);
  await rm(join(stage.directory, "complete"), { recursive: true });
  const gib = (COMPLETE_PARTS * SMALL.partSize) / GIB;
  return [limitRow(`${COMPLETE_PARTS} parts (${gib} GiB): complete ms`, times, 50)];
}

const MANY_PARTS = 100_000;

/** Once: it is 24 GiB. */
async function manyPartsRows(
  stage: Stage,
  digests: readonly Uint8Array[],
): Promise<readonly Row[]> {
  await settle(stage);
  const server = await serveHoldfast(stage, "many");
  await askJson(server.url, "GET", "/livez");
  const idle = await memoryOf(server.serverPid, "VmRSS");
  let id = "";
  const sendMs = await timed(async () => {
    id = await uploadSmall(stage, server, digests, MANY_PARTS);
  });
  const path = `/v1/uploads/${id}`;
  const statusMs = await timed(() => askJson(server.url, "GET", path));
  const digestsMs = await timed(() => askJson(server.url, "GET", `${path}?digests=1`));
  let file: unknown;
  const completeMs = await timed(async () => {
    file = (await askJson(server.url, "POST", `${path}/complete`, {})).body.get("file");
  });
  const url = typeof file === "object" && file && "url" in file ? String(file.url) : "";
  const manifestMs = await timed(() => askJson(server.url, "GET", `${url}/manifest`));
  const proofMs = await timed(() => askJson(server.url, "GET", `${url}/manifest?proof=99999`));
  const most = ((await memoryOf(server.serverPid, "VmHWM")) - idle) / MIB;
  await stopServer(server);
  await rm(join(stage.directory, "many"), { recursive: true });
  const seconds = sendMs / 1000;
  const name = `${MANY_PARTS} parts on the disk`;
  return [
    limitRow(`${name}: GiB/s`, [(MANY_PARTS * SMALL.partSize) / GIB / seconds], undefined, 2),
    limitRow(`${name}: status ms`, [statusMs], 20),
    limitRow(`${name}: status with digests ms`, [digestsMs]),
    limitRow(`${name}: complete ms`, [completeMs]),
    limitRow(`${name}: manifest ms`, [manifestMs]),
    limitRow(`${name}: proof ms`, [proofMs]),
    limitRow(`${name}: MiB over idle`, [most], undefined, 0),
  ];
}

const READBACK_PARTS = 4096;

/** A reading back of a GiB, and how long somebody waits meanwhile who only asks whether the server lives. */
async function readbackRows(stage: Stage, digests: readonly Uint8Array[]): Promise<readonly Row[]> {
  const server = await serveHoldfast(stage, "readback");
  const waits: number[] = [];
  const rates: number[] = [];
  for (let round = 0; round < stage.rounds.measured; round++) {
    await settle(stage);
    const id = await uploadSmall(stage, server, digests, READBACK_PARTS, { verify: "readback" });
    const path = `/v1/uploads/${id}`;
    const start = performance.now();
    await askJson(server.url, "POST", `${path}/complete`, {});
    const asked: number[] = [];
    for (let state = "completing"; state === "completing"; ) {
      asked.push(await timed(() => askJson(server.url, "GET", "/livez")));
      state = String((await askJson(server.url, "GET", path)).body.get("state"));
    }
    rates.push((READBACK_PARTS * SMALL.partSize) / GIB / ((performance.now() - start) / 1000));
    asked.sort((a, b) => a - b);
    waits.push(asked[Math.floor(asked.length * 0.99)] ?? 0);
  }
  await stopServer(server);
  await rm(join(stage.directory, "readback"), { recursive: true });
  return [
    limitRow("reading back: GiB/s", rates, undefined, 2),
    limitRow("reading back: /livez meanwhile, ms (p99)", waits, 20),
  ];
}

async function uploadSmall(
  { load }: Stage,
  server: ServerProcess,
  digests: readonly Uint8Array[],
  count: number,
  more: object = {},
): Promise<string> {
  const { partSize } = SMALL;
  const size = count * partSize;
  const id = await createUpload(server.url, size, { partSize, ...more });
  await load.send(server.port, CONNECTIONS, runsOf(id, size, digests, undefined, SMALL));
  return id;
}
