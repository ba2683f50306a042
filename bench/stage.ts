// What every row needs: a place on the real disk, a source in memory, the load generator, the two servers.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePort } from "@holdfast/testkit/free-port";
import {
  type Command,
  type ServerProcess,
  startProgram,
  startServer,
  textOf,
} from "@holdfast/testkit/process";
import { writeContent } from "../e2e/kit/source.ts";
import { buildLoad, type Load } from "./load.ts";
import { digestSource, SOURCE_SIZE } from "./plans.ts";

const TUS_SERVER = fileURLToPath(new URL("tus-server.ts", import.meta.url));

export interface Stage {
  /** On the disk that is measured. */
  readonly directory: string;
  /** In memory where the system has such a place. */
  readonly memory: string;
  readonly source: string;
  readonly digests: readonly Uint8Array[];
  readonly load: Load;
  readonly rounds: { readonly warmUp: number; readonly measured: number };
}

export async function withStage<Result>(
  rounds: Stage["rounds"],
  work: (stage: Stage) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-bench-"));
  const memory = await mkdtemp(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "holdfast-"));
  try {
    const source = join(memory, "source");
    await writeContent(source, { seed: 1, size: SOURCE_SIZE });
    const load = await buildLoad(directory, source);
    const digests = await digestSource(source);
    return await work({ directory, memory, source, digests, load, rounds });
  } finally {
    for (const place of [directory, memory]) await rm(place, { recursive: true, force: true });
  }
}

/** Before each measurement: what was written lies on the disk, and memory is warm, so that nobody pays for who ran before. */
export async function settle({ load }: Stage): Promise<void> {
  await promisify(execFile)("sync");
  await load.touch();
}

export async function serveHoldfast(
  { directory }: Stage,
  name: string,
  options: ServeOptions = {},
): Promise<ServerProcess> {
  return startServer({ data: join(directory, name), port: await freePort(), ...options });
}

/** How a server of the bench is started where it is not as usual. */
interface ServeOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** A program and its arguments that run it in their turn, and the address it then listens at. */
  readonly wrapper?: readonly string[];
  readonly host?: string;
}

export interface TusServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Removes what was uploaded, so that its write-back does not run into the next measurement. */
  clear(): Promise<void>;
  stop(): Promise<void>;
}

/** @tus/server with its file store, on the same Node. */
export async function serveTus(
  { directory }: Stage,
  { wrapper = [], host = "127.0.0.1" }: ServeOptions = {},
): Promise<TusServer> {
  const place = join(directory, "tus");
  await mkdir(place, { recursive: true });
  const command: Command = startProgram([process.execPath, TUS_SERVER, place, host], { wrapper });
  const url = textOf(await command.event("listening"), "url");
  return {
    url,
    port: Number(new URL(url).port),
    pid: command.pid,
    async clear() {
      for (const name of await readdir(place)) await rm(join(place, name));
    },
    async stop() {
      command.kill("SIGKILL");
      await command.exit;
    },
  };
}
