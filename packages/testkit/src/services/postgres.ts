// A PostgreSQL of its own: a fresh data folder, a free port of 127.0.0.1, flushes on. Never the system's cluster.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { freePort } from "../free-port.ts";
import { type Service, startService } from "./child.ts";
import { postgresPrograms, userId } from "./install.ts";

export interface Postgres {
  /** With its password; the database `postgres`. */
  readonly url: string;
  readonly port: number;
  /** The folder that its data are in. */
  readonly data: string;
  /** Asks it one thing; whole numbers come as text. */
  ask(text: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Kills it as a power cut would: all of its processes at once, nothing flushed. */
  kill(): Promise<void>;
  /** Starts it again on the same data and port. */
  start(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

const OWNER = "holdfast";
/** It refuses to run as root. */
const USER = "postgres";

/** Small, but as careful as the real one: what it has acknowledged is flushed. */
const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  fsync: "on",
  synchronous_commit: "on",
  shared_buffers: "32MB",
  max_connections: "60",
  log_min_messages: "warning",
  // What is committed is in the log; moving it on is for longer lives than these.
  checkpoint_timeout: "1h",
  max_wal_size: "4GB",
} as const;

export async function startPostgres(
  settings: Readonly<Record<string, string>> = {},
): Promise<Postgres> {
  const programs = await postgresPrograms();
  const directory = await mkdtemp(join(tmpdir(), "holdfast-postgres-"));
  const user = process.getuid?.() === 0 ? USER : undefined;
  if (user !== undefined) handOver(directory, user);
  try {
    const password = await createCluster(programs, directory, user);
    const port = await freePort();
    const data = join(directory, "data");
    const set = Object.entries({ ...SETTINGS, ...settings, port }).flatMap(([name, value]) => [
      "-c",
      `${name}=${value}`,
    ]);
    const run = () =>
      startService({
        name: "postgres",
        directory,
        command: [join(programs, "postgres"), "-D", data, ...set],
        // Fast: it ends its sessions and flushes.
        signal: "SIGINT",
        isReady: (pid) => isReady(data, pid),
        ...(user === undefined ? {} : { user }),
      });
    const url = `postgres://${OWNER}:${password}@127.0.0.1:${port}/postgres`;
    return control({ url, port, data, directory }, run, await run());
  } catch (cause) {
    await rm(directory, { recursive: true, force: true });
    throw cause;
  }
}

function control(
  { directory, ...facts }: Pick<Postgres, "url" | "port" | "data"> & { readonly directory: string },
  run: () => Promise<Service>,
  first: Service,
): Postgres {
  let service = first;
  return {
    ...facts,
    async ask(text) {
      const client = new pg.Client(facts.url);
      await client.connect();
      try {
        const { rows } = await client.query<Record<string, unknown>>(text);
        return rows;
      } finally {
        await client.end();
      }
    },
    async kill() {
      killAtOnce(service.pid);
      await service.end("SIGKILL");
    },
    async start() {
      service = await run();
    },
    async stop() {
      if (service.isRunning()) await service.end("SIGINT");
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function handOver(path: string, user: string): void {
  const id = userId(user);
  if (id === undefined) throw new Error(`PostgreSQL does not run as root, and ${user} is no user`);
  chownSync(path, id, id);
  chmodSync(path, 0o700);
}

async function createCluster(
  programs: string,
  directory: string,
  user: string | undefined,
): Promise<string> {
  const password = crypto.randomUUID();
  const file = join(directory, "password");
  await writeFile(file, password);
  if (user !== undefined) handOver(file, user);
  const as =
    user === undefined ? [] : ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--init-groups"];
  const how = ["-A", "scram-sha-256", "--pwfile", file, "-E", "UTF8", "--locale=C", "--no-sync"];
  const words = [
    ...as,
    join(programs, "initdb"),
    "-D",
    join(directory, "data"),
    "-U",
    OWNER,
    ...how,
  ];
  const [program = "", ...args] = words;
  const child = spawn(program, args, { cwd: directory, stdio: ["ignore", "ignore", "pipe"] });
  const said: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => said.push(text));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`initdb ended with ${code}: ${said.join("")}`);
  await rm(file);
  return password;
}

/** The eighth line of its pid file, which is "standby" for one that only reads; of this start, for the file of one that was killed is still there. */
async function isReady(data: string, pid: number): Promise<boolean> {
  const lines = (await readFile(join(data, "postmaster.pid"), "utf8").catch(() => "")).split("\n");
  return lines[0] === `${pid}` && /^(?:ready|standby)\b/.test(lines[7] ?? "");
}

/** Stopped first, so that it starts none while its children are killed. */
function killAtOnce(pid: number): void {
  process.kill(pid, "SIGSTOP");
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  for (const child of children.filter((one) => one !== "")) {
    try {
      process.kill(Number(child), "SIGKILL");
    } catch {
      // It had ended by itself.
    }
  }
}
