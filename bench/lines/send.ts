// One file over one bad line, by a command, our own or one with tus-js-client, or by whatever else sends it: how long, and how much of it twice.
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, numberOf, startCli, startProgram } from "@holdfast/testkit/process";
import { type ChaosProxy, startProxy } from "@holdfast/testkit/proxy";
import type { Condition } from "./conditions.ts";

const TUS_CLIENT = fileURLToPath(new URL("../tus-client.ts", import.meta.url));

export interface LineSample {
  readonly isWhole: boolean;
  /** By the client's own clock, from its first request to its last answer. */
  readonly seconds: number;
  /** Share of the time that the bytes alone need. */
  readonly speed: number;
  /** Bytes that the line took beyond the file's own, headers included, as a share of the file. */
  readonly twice: number;
  readonly connections: number;
  /** What else the client told, for results/bench.json. */
  readonly told: Readonly<Record<string, unknown>>;
}

export interface Sending {
  readonly condition: Condition;
  readonly round: number;
  readonly path: string;
  readonly targetPort: number;
}

/** What became of it. */
export interface Sent extends Pick<LineSample, "isWhole" | "told"> {
  /** Undefined where it never finished: then it has taken as long as it was waited for. */
  readonly seconds: number | undefined;
}

/** Whoever needs this many times as long as the bytes alone has not finished. */
const PATIENCE = 4;

/** `stateDir` is where the client remembers what it learned. */
export async function sendByCli(sending: Sending, stateDir: string): Promise<LineSample> {
  const states = await mkdtemp(join(stateDir, "checkpoints-"));
  return overLine(sending, ({ url }, patienceMs) =>
    toEnd(
      startCli(["upload", sending.path, "--to", url, "--json"], {
        env: { HOLDFAST_STATE_DIR: states },
      }),
      patienceMs,
    ),
  ).finally(() => rm(states, { recursive: true }));
}

export function sendByTus(sending: Sending): Promise<LineSample> {
  return overLine(sending, ({ url }, patienceMs) =>
    toEnd(startProgram([process.execPath, TUS_CLIENT, sending.path, `${url}/files`]), patienceMs),
  );
}

async function toEnd(command: Command, patienceMs: number): Promise<Sent> {
  const began = performance.now();
  const tooLong = setTimeout(() => command.kill("SIGKILL"), patienceMs);
  const { code } = await command.exit;
  clearTimeout(tooLong);
  const complete = command.events.find(({ name }) => name === "complete");
  const retries = command.events
    .filter(({ name }) => name === "retry")
    .map(({ fields, at }) => `${((at - began) / 1000).toFixed(1)} s: ${fields.get("code")}`);
  const told = { retries, ...Object.fromEntries(complete?.fields ?? []), code };
  return {
    isWhole: code === 0 && complete !== undefined,
    seconds: complete && numberOf(complete, "seconds"),
    told,
  };
}

/** `send` gives up after `patienceMs`, and tells so. */
export async function overLine(
  { condition, round, targetPort }: Sending,
  send: (proxy: ChaosProxy, patienceMs: number) => Promise<Sent>,
): Promise<LineSample> {
  const { line, size, fates, resetEveryMs } = condition;
  const proxy = await startProxy({ targetPort, line, fate: fates(round) });
  const resetting =
    resetEveryMs === undefined ? undefined : setInterval(() => cutAll(proxy), resetEveryMs);
  const physical = size / line.bytesPerSecond;
  const began = performance.now();
  const sent = await send(proxy, physical * PATIENCE * 1000);
  clearInterval(resetting);
  const seconds = sent.seconds ?? (performance.now() - began) / 1000;
  const { up } = proxy.totals();
  const connections = proxy.connections.length;
  await proxy.close();
  const speed = physical / seconds;
  return { ...sent, seconds, speed, twice: up / size - 1, connections };
}

function cutAll({ connections }: ChaosProxy): void {
  for (const connection of connections) if (connection.isOpen) connection.cut();
}
