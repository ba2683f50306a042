// Many malformed requests from one seed against one server: no crash, no 5xx, and the main job works afterwards.

import { stopServer } from "@holdfast/testkit/process";
import { createRandom } from "@holdfast/testkit/random";
import { memoryOf } from "../../bench/measure.ts";
import { makeCase } from "./mutate.ts";
import { sendCase } from "./send.ts";
import { openWorld } from "./world.ts";

export interface FuzzReport {
  readonly count: number;
  /** How many answers had which status; `none` where a connection was closed without one. */
  readonly statuses: ReadonlyMap<string, number>;
  /** What was wrong, with the number of the case that shows it. */
  readonly complaints: readonly string[];
  /** Lines that the server logged as errors. */
  readonly errors: readonly string[];
  /** Resident memory of the server at its end, in bytes. */
  readonly memory: number;
}

export interface FuzzOptions {
  readonly seed: string;
  readonly count: number;
  /** The first case: for showing one again. */
  readonly from?: number;
  readonly onProgress?: (done: number) => void;
}

/** Connections at once. */
const LANES = 12;
const COMPLAINTS_MAX = 20;
/** Cases after which the requests are about new uploads and files. */
const REFRESH = 200;

export async function fuzz(directory: string, options: FuzzOptions): Promise<FuzzReport> {
  const { seed, count, from = 0, onProgress = () => undefined } = options;
  const world = await openWorld(directory);
  const statuses = new Map<string, number>();
  const complaints: string[] = [];
  let templates = await world.refresh();
  let next = from;
  const tell = (at: number, complaint: string): void => {
    if (complaints.length < COMPLAINTS_MAX) complaints.push(`case ${at}: ${complaint}`);
  };
  async function runLane(): Promise<void> {
    for (let at = next++; at < from + count; at = next++) {
      if (at % REFRESH === 0) templates = await world.refresh();
      const spoilt = makeCase(templates, createRandom(`${seed}/${at}`));
      const { statuses: answered, complaint } = await sendCase(world.port, spoilt);
      for (const status of answered.length > 0 ? answered.map(String) : ["none"]) {
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
      if (complaint !== undefined) tell(at, `${complaint} (${spoilt.what.join(", ")})`);
      if (at % 1000 === 0) onProgress(at - from);
      if (complaints.length === COMPLAINTS_MAX) return;
    }
  }
  const { serverPid, exit, stderr } = world.server;
  let isOver = false;
  void exit.then(({ code, signal }) => {
    if (!isOver) tell(next, `the server ended (${code ?? signal}): ${stderr().slice(-2000)}`);
  });
  await Promise.all(Array.from({ length: LANES }, runLane));
  const memory = await memoryOf(serverPid, "VmRSS");
  await world.check().catch((error: unknown) => tell(next, `the main job fails: ${String(error)}`));
  isOver = true;
  await stopServer(world.server);
  const errors = stderr()
    .split("\n")
    .filter((line) => line.includes('"level":"error"'));
  return { count, statuses, complaints, errors, memory };
}
