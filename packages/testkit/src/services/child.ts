// A service's process: it ends with whoever started it, however that ends, and what it said is told when it does not come up.
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { onPath } from "./install.ts";

export interface Service {
  readonly pid: number;
  readonly isRunning: () => boolean;
  /** Resolves when it is gone. */
  end(signal: NodeJS.Signals): Promise<void>;
}

export interface ServiceOptions {
  readonly name: string;
  /** Where its log is written; it is there. */
  readonly directory: string;
  readonly command: readonly string[];
  /** The user that it runs as; its own where that is us. */
  readonly user?: string;
  /** The signal that makes it end quickly and tidily. */
  readonly signal: NodeJS.Signals;
  readonly isReady: (pid: number) => Promise<boolean>;
}

const READY_TRY_MS = 25;
const READY_WITHIN_MS = 60_000;

/** Resolves when it is ready. Rejects with the end of its log where it ends instead. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { name, directory, signal } = options;
  const [program = "", ...args] = [...prefix(options), ...options.command];
  const child = spawn(program, args, { cwd: directory, stdio: ["ignore", "pipe", "pipe"] });
  const path = join(directory, `${name}.log`);
  const log = createWriteStream(path, { flags: "a" });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const ended = new Promise<void>((resolve) => {
    child.on("error", (error) => log.write(`${program}: ${error.message}\n`));
    child.on("close", () => log.end(resolve));
  });
  // Where nothing tells it that we were killed, this is told at least when we end.
  const onExit = () => void child.kill(signal);
  process.once("exit", onExit);
  void ended.then(() => process.off("exit", onExit));
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const service = {
    pid: child.pid ?? 0,
    isRunning,
    async end(how: NodeJS.Signals) {
      child.kill(how);
      await ended;
    },
  };
  const started = Date.now();
  while (!(await isUp(child, options))) {
    const isLate = Date.now() - started > READY_WITHIN_MS;
    if (isLate) await service.end("SIGKILL");
    if (isLate || !isRunning()) {
      await ended;
      const said = await readFile(path, "utf8").catch(() => "");
      const how = isLate ? `is not ready after ${READY_WITHIN_MS / 1000} s` : "does not start";
      throw new Error(`${name} ${how}: ${said.slice(-2000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, READY_TRY_MS));
  }
  return service;
}

async function isUp({ pid, exitCode }: ChildProcess, options: ServiceOptions): Promise<boolean> {
  return pid !== undefined && exitCode === null && (await options.isReady(pid));
}

/** `setpriv` becomes the program: the pid stays, the user changes, and the system tells it when we are gone. */
function prefix({ user, signal }: ServiceOptions): readonly string[] {
  const ids = user === undefined ? [] : [`--reuid=${user}`, `--regid=${user}`, "--init-groups"];
  if (onPath("setpriv") !== undefined) {
    return ["setpriv", "--pdeathsig", signal.replace("SIG", ""), ...ids];
  }
  if (user === undefined) return [];
  throw new Error(`setpriv is missing: install util-linux, so that ${user} can run a service`);
}

export function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
