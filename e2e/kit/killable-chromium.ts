// A Chromium as a person has it: a profile that outlives it, and a process that can be killed.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { chromiumProgram } from "@holdfast/testkit/services/install";
import { type BrowserContext, chromium } from "playwright-core";

export interface KillableChromium {
  readonly context: BrowserContext;
  /** Ends it with all of its processes at once, as a power cut would. Resolves when it is gone. */
  kill(): Promise<void>;
}

/** Starts it on a profile, which is made if need be. `names` stand for this machine, as names of a network do that has no certificates. */
export async function startOnProfile(
  profile: string,
  names: readonly string[] = [],
): Promise<KillableChromium> {
  const rules = names.map((name) => `MAP ${name} 127.0.0.1`);
  const told = join(profile, "DevToolsActivePort");
  await rm(told, { force: true });
  const process = spawn(
    await chromiumProgram(),
    [
      "--headless=new",
      "--remote-debugging-port=0",
      `--user-data-dir=${profile}`,
      "--no-first-run",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--disable-background-networking",
      "--disable-features=Translate,OptimizationHints,MediaRouter",
      ...(globalThis.process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      ...(names.length > 0 ? [`--host-resolver-rules=${rules.join(", ")}`] : []),
      "about:blank",
    ],
    { detached: true, stdio: "ignore" },
  );
  const exit = once(process, "exit");
  const kill = async () => {
    killGroup(process);
    await exit;
  };
  try {
    const port = await portIn(told, process);
    const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`, { timeout: 0 });
    const [context] = browser.contexts();
    if (!context) throw new Error("this browser has no profile");
    context.setDefaultTimeout(0);
    return { context, kill };
  } catch (error) {
    await kill();
    throw error;
  }
}

/** It writes the port there once it listens. */
async function portIn(path: string, process: ChildProcess): Promise<number> {
  while (process.exitCode === null && process.signalCode === null) {
    const text = await readFile(path, "latin1").catch(() => "");
    const [, port] = /^([0-9]+)\n./.exec(text) ?? [];
    if (port !== undefined) return Number(port);
    await pause(50);
  }
  throw new Error(`the browser ended with ${process.exitCode ?? process.signalCode}`);
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}
