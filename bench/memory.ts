// Row: what 64 uploads at once add to the memory of the server.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { stopServer } from "@holdfast/testkit/process";
import { askJson } from "./ask.ts";
import { figureOf, memoryOf } from "./measure.ts";
import { createUpload, runsOf } from "./plans.ts";
import { type Row, showFigure } from "./row.ts";
import { type Stage, serveHoldfast } from "./stage.ts";

const UPLOADS = 64;
const UPLOAD_SIZE = 32 * MIB;
const LIMIT_MIB = 200;

export async function memoryRows(stage: Stage): Promise<readonly Row[]> {
  const all: number[] = [];
  // The highest mark is kept for the life of a process, so each round has a process of its own.
  for (let round = 0; round < stage.rounds.measured; round++) all.push(await growth(stage));
  const figure = figureOf(all);
  const row = {
    name: `${UPLOADS} uploads at once: MiB over idle`,
    ours: showFigure(figure, 0),
    theirs: "",
    value: figure.max,
    target: `<= ${LIMIT_MIB}`,
    isMet: figure.max <= LIMIT_MIB,
    data: figure,
  };
  return [row];
}

/** The highest mark over what it had when it had nothing to do, in MiB. */
async function growth(stage: Stage): Promise<number> {
  const server = await serveHoldfast(stage, "memory");
  await askJson(server.url, "GET", "/livez");
  const idle = await memoryOf(server.serverPid, "VmRSS");
  const ids: string[] = [];
  for (let at = 0; at < UPLOADS; at++) ids.push(await createUpload(server.url, UPLOAD_SIZE));
  const plan = ids.flatMap((id, group) => runsOf(id, UPLOAD_SIZE, stage.digests, group));
  await stage.load.send(server.port, UPLOADS, plan);
  const highest = await memoryOf(server.serverPid, "VmHWM");
  await stopServer(server);
  await rm(join(stage.directory, "memory"), { recursive: true });
  return (highest - idle) / MIB;
}
