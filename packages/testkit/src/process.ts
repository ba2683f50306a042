// Real processes for tests: watched through the JSON lines they print, killed without mercy, started again at the same address.
import { AsyncLocalStorage } from "node:async_hooks";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const CLI_ENTRY: string = fileURLToPath(new URL("../../cli/src/main.ts", import.meta.url));

/** One line of a command's standard output. `at` is in milliseconds by `performance.now`. */
export interface CommandEvent {
  readonly name: string;
  readonly at: number;
  readonly fields: ReadonlyMap<string, unknown>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Command {
  readonly pid: number;
  readonly events: readonly CommandEvent[];
  /** Lines of standard output that were not JSON objects with an event name: there should be none. */
  readonly strayLines: readonly string[];
  readonly exit: Promise<Exit>;
  stderr(): string;
  /** The first event of that name, past or to come. Rejects when the process ends without it. */
  event(name: string): Promise<CommandEvent>;
  kill(signal: NodeJS.Signals): void;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A program and its arguments that run the command in their turn, such as strace. */
  readonly wrapper?: readonly string[];
  /** The Node that runs it; ours by default. */
  readonly node?: string;
}

const alive = new Set<number>();
/** Those of the work that is under way, in which others are started beside it. */
const ofWork = new AsyncLocalStorage<Set<number>>();
process.on("exit", killAll);
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  process.once(signal, () => process.exit(1));
}

/** Ends everything that was started here and still runs: what a failed test leaves behind. */
export function killAll(): void {
  for (const pid of alive) killQuietly(pid, "SIGKILL");
}

/** Ends what `work` has started and still runs, and nothing else, once that has ended, however it ends. */
export function killingAfter<Result>(work: () => Promise<Result>): Promise<Result> {
  const own = new Set<number>();
  return ofWork.run(own, async () => {
    try {
      return await work();
    } finally {
      for (const pid of own) if (alive.has(pid)) killQuietly(pid, "SIGKILL");
    }
  });
}

function noteAlive(pid: number): void {
  alive.add(pid);
  ofWork.getStore()?.add(pid);
}

/** Sends a signal; a process that is gone already is no error. */
export function killQuietly(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** Starts any program. Its standard output is read as JSON lines. */
export function startProgram(words: readonly string[], options: CommandOptions = {}): Command {
  const [program = "", ...args] = [...(options.wrapper ?? []), ...words];
  const child = spawn(program, args, {
    // Whoever runs the tests may have a configuration of their own.
    env: { ...process.env, NO_COLOR: "1", XDG_CONFIG_HOME: "/dev/null", ...options.env },
    cwd: options.cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const pid = child.pid ?? 0;
  if (pid > 0) noteAlive(pid);
  const errors: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text));
  child.on("error", (error) => errors.push(`${program}: ${error.message}\n`));
  const events: CommandEvent[] = [];
  const strayLines: string[] = [];
  const waiting = new Set<() => void>();
  const exit = new Promise<Exit>((resolve) => {
    child.on("close", (code, signal) => {
      alive.delete(pid);
      resolve({ code, signal });
    });
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    const event = readEvent(line);
    if (event) events.push(event);
    else strayLines.push(line);
    for (const look of [...waiting]) look();
  });
  return {
    pid,
    events,
    strayLines,
    exit,
    stderr: () => errors.join(""),
    kill: (signal) => void killQuietly(pid, signal),
    event: (name) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = events.find((event) => event.name === name);
          if (!found) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
        void exit.then(({ code, signal }) => {
          const told = events.map(showEvent).join("\n");
          const said = `${told}\n${strayLines.join("\n")}\n${errors.join("")}`.slice(-2000);
          reject(
            new Error(`${words.join(" ")} ended (${code ?? signal}) without ${name}: ${said}`),
          );
        });
      }),
  };
}

function readEvent(line: string): CommandEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(value));
  const name = fields.get("event");
  return typeof name === "string" ? { name, at: performance.now(), fields } : undefined;
}

export function textOf(event: CommandEvent, field: string): string {
  const value = event.fields.get(field);
  if (typeof value === "string") return value;
  throw new Error(`event ${event.name} has no text ${field}: ${showEvent(event)}`);
}

export function numberOf(event: CommandEvent, field: string): number {
  const value = event.fields.get(field);
  if (typeof value === "number") return value;
  throw new Error(`event ${event.name} has no number ${field}: ${showEvent(event)}`);
}

export function showEvent(event: CommandEvent): string {
  return JSON.stringify(Object.fromEntries(event.fields));
}

/** Starts the command line. */
export function startCli(args: readonly string[], options: CommandOptions = {}): Command {
  return startProgram([options.node ?? process.execPath, CLI_ENTRY, ...args], options);
}

export interface ServerOptions extends CommandOptions {
  readonly data: string;
  /** 0 lets the system choose; a fixed one lets the server come back at the same address. */
  readonly port: number;
  /** 127.0.0.1 by default. */
  readonly host?: string;
}

export interface ServerProcess extends Command {
  readonly url: string;
  readonly port: number;
  /** The process that serves, also where a wrapper started it. */
  readonly serverPid: number;
}

/** Resolves when the server listens. */
export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  const args = ["serve", "--json", "--port", `${options.port}`, "--data", options.data];
  if (options.host !== undefined) args.push("--host", options.host);
  const command = startCli(args, options);
  const listening = await command.event("listening");
  const url = textOf(listening, "url").replace(/\/$/, "");
  const serverPid = numberOf(listening, "pid");
  noteAlive(serverPid);
  void command.exit.then(() => alive.delete(serverPid));
  return { ...command, url, serverPid, port: Number(new URL(url).port) };
}

/** Resolves when it is gone. */
export async function killServer(server: ServerProcess): Promise<void> {
  killQuietly(server.serverPid, "SIGKILL");
  await server.exit;
}

/** Asks it to end in peace, and resolves with how it ended. */
export async function stopServer(server: ServerProcess): Promise<Exit> {
  killQuietly(server.serverPid, "SIGTERM");
  return server.exit;
}
