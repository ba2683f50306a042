// The servers that the suite is calibrated with, as programs: @tus/server, and tusd where Go can build it.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startProgram, textOf } from "@holdfast/testkit/process";
import { startNginxWith } from "@holdfast/testkit/services/nginx";
import { FILE_CONTENT, SIZE_MAX } from "./ours.ts";

const run = promisify(execFile);

export interface Peer {
  /** Where uploads are created, or what is read. */
  readonly url: string;
  stop(): Promise<void>;
}

const TUS_SERVER: string = fileURLToPath(new URL("tus-server.ts", import.meta.url));

export async function startTusServer(): Promise<Peer> {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-peer-"));
  const server = startProgram([process.execPath, TUS_SERVER, directory, `${SIZE_MAX}`]);
  const url = textOf(await server.event("listening"), "url");
  return {
    url,
    async stop() {
      server.kill("SIGKILL");
      await server.exit;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A file as nginx serves it without being told anything. */
export async function startNginxFile(): Promise<Peer> {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-peer-"));
  await writeFile(join(directory, "lines.txt"), FILE_CONTENT);
  const nginx = await startNginxWith(
    (port) => `server { listen 127.0.0.1:${port}; root ${directory}; }`,
  );
  return {
    url: `${nginx.url}/lines.txt`,
    async stop() {
      await nginx.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

const TUSD = { module: "github.com/tus/tusd/v2", version: "v2.10.0" } as const;
/** Kept between runs; a fresh install of the packages removes it. */
const CACHE: string = fileURLToPath(
  new URL("../../node_modules/.cache/holdfast-services", import.meta.url),
);

/** With its resumable uploads, which are behind a flag. Undefined where there is neither tusd nor Go. */
export async function startTusd(): Promise<Peer | undefined> {
  const program = await tusdProgram();
  if (program === undefined) return undefined;
  const directory = await mkdtemp(join(tmpdir(), "holdfast-peer-"));
  const words = [
    ...["-host", "127.0.0.1", "-port", "0"],
    ...["-upload-dir", directory, "-max-size", `${SIZE_MAX}`],
  ];
  const child = spawn(program, [...words, "-enable-experimental-protocol"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const stop = async () => {
    child.kill("SIGKILL");
    await exited;
    await rm(directory, { recursive: true, force: true });
  };
  for await (const line of createInterface(child.stdout)) {
    const [, url] = /upload files to: (http\S+)/.exec(line) ?? [];
    if (url === undefined) continue;
    child.stdout.resume();
    return { url, stop };
  }
  await stop();
  throw new Error("tusd ended before it listened");
}

async function tusdProgram(): Promise<string | undefined> {
  const cached = join(CACHE, `tusd-${TUSD.version}`, "tusd");
  const found = onPath("tusd") ?? (existsSync(cached) ? cached : undefined);
  if (found !== undefined || onPath("go") === undefined) return found;
  await buildTusd(join(CACHE, `tusd-${TUSD.version}`));
  return cached;
}

/** Through Go's own registry of modules; its module is one folder above the program, which `go install` does not find by itself everywhere. */
async function buildTusd(into: string): Promise<void> {
  console.error(`conformance: building ${TUSD.module} ${TUSD.version}, once`);
  const making = `${into}.${process.pid}`;
  await mkdir(making, { recursive: true });
  try {
    const go = (...words: string[]) => run("go", words, { cwd: making });
    await go("mod", "init", "calibration");
    await go("get", `${TUSD.module}/cmd/tusd@${TUSD.version}`).catch(() =>
      go("get", `${TUSD.module}@${TUSD.version}`),
    );
    await go("build", "-mod=mod", "-o", "tusd", `${TUSD.module}/cmd/tusd`);
    await rm(into, { recursive: true, force: true });
    await rename(making, into);
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

function onPath(name: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
