// Drives the load generator: builds it, writes its plans, reads its figures.
import { execFile, spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { freemem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const SOURCE = fileURLToPath(new URL("load.c", import.meta.url));
const run = promisify(execFile);

/** One request of a plan. Requests of one group go over one connection, in order; `@L@` in a head is the last Location there. */
export interface PlannedRequest {
  readonly group: number;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Where in the source its body begins (the source repeats), and its size in bytes. */
  readonly bodyOffset: number;
  readonly bodySize: number;
}

/** Times in seconds, of the whole and of single requests. */
export interface LoadResult {
  readonly seconds: number;
  readonly bytes: number;
  readonly failed: number;
  readonly p50: number;
  readonly p99: number;
}

export interface Load {
  send(port: number, connections: number, plan: readonly PlannedRequest[]): Promise<LoadResult>;
  /** Touches memory, so that the next run does not pay for pages that the host has taken back. */
  touch(): Promise<void>;
}

/** `source` is the file that bodies are cut from. */
export async function buildLoad(directory: string, source: string): Promise<Load> {
  const program = join(directory, "load");
  await run("gcc", ["-O2", "-pthread", "-o", program, SOURCE]);
  return {
    async send(port, connections, plan) {
      const path = join(directory, "plan");
      await writeFile(path, plan.map(encodeRequest).join(""));
      return readResult(await output(program, [`${port}`, `${connections}`, path, source]));
    },
    async touch() {
      const bytes = Math.min(3 * 2 ** 30, Math.floor((await availableMemory()) / 4));
      await run(program, ["touch", `${bytes}`]);
    },
  };
}

function encodeRequest(request: PlannedRequest): string {
  const { group, method, path, headers, bodyOffset, bodySize } = request;
  const lines = [
    `${method} ${path} HTTP/1.1`,
    "host: 127.0.0.1",
    `content-length: ${bodySize}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  const head = `${lines.join("\r\n")}\r\n\r\n`;
  return `${group} ${Buffer.byteLength(head)} ${bodyOffset} ${bodySize}\n${head}`;
}

function output(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    const pieces: string[] = [];
    child.stdout.setEncoding("utf8").on("data", (piece: string) => pieces.push(piece));
    child.on("error", reject).on("close", () => resolve(pieces.join("")));
  });
}

function readResult(text: string): LoadResult {
  const fields = new Map<string, unknown>(Object.entries(JSON.parse(text)));
  const at = (name: string): number => Number(fields.get(name));
  const [seconds, bytes, failed] = [at("seconds"), at("bytes"), at("failed")];
  if (failed > 0) throw new Error(`${failed} requests of the load failed`);
  return { seconds, bytes, failed, p50: at("p50"), p99: at("p99") };
}

async function availableMemory(): Promise<number> {
  const info = await readFile("/proc/meminfo", "utf8").catch(() => "");
  const kib = /^MemAvailable: +(\d+) kB$/m.exec(info)?.[1];
  return kib === undefined ? freemem() : Number(kib) * 1024;
}
