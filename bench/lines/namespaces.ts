// Two network namespaces with a line between them that is slow and lossy below TCP: true delay, packet by packet.
import { execFile, spawn } from "node:child_process";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const BRIDGE = fileURLToPath(new URL("bridge.c", import.meta.url));
const run = promisify(execFile);

export interface LineOfPackets {
  /** One way, in milliseconds. */
  readonly latencyMs: number;
  readonly bitsPerSecond: number;
  /** Packets lost of a thousand, each way. */
  readonly lossPerMille: number;
}

export interface Namespaces {
  /** Runs a command on the client's or on the server's side. */
  readonly client: readonly string[];
  readonly server: readonly string[];
  /** The server's address. No other machine can see it, so it is one of those that count as this machine. */
  readonly host: string;
  useCongestionControl(name: "cubic" | "bbr"): Promise<void>;
  /** Removes everything; resolves with what the line carried. */
  close(): Promise<string>;
}

const HOSTS = ["127.10.0.1", "127.10.0.2"] as const;

/** Why there can be no such line here, or undefined where there can. */
export async function obstacle(): Promise<string | undefined> {
  if (process.platform !== "linux") return "network namespaces are Linux's";
  if (process.getuid?.() !== 0) return "network namespaces need root";
  const missing: string[] = [];
  await access("/dev/net/tun").catch(() => missing.push("/dev/net/tun"));
  for (const [program, flag] of [
    ["ip", "-V"],
    ["gcc", "--version"],
  ] as const)
    await run(program, [flag]).catch(() => missing.push(program));
  return missing.length > 0 ? `there is no ${missing.join(", no ")}` : undefined;
}

/** @throws where the system does not let us after all; nothing is left behind then. */
export async function openNamespaces(directory: string, line: LineOfPackets): Promise<Namespaces> {
  const names = ["a", "b"].map((side) => `holdfast-${side}-${process.pid}`);
  const [client = "", server = ""] = names;
  const removeAll = async (): Promise<void> => {
    for (const name of names) await run("ip", ["netns", "del", name]).catch(() => undefined);
  };
  const inside = (name: string, ...command: readonly string[]) =>
    run("ip", ["netns", "exec", name, ...command]);
  try {
    const program = join(directory, "bridge");
    await run("gcc", ["-O2", "-o", program, BRIDGE]);
    for (const name of names) await run("ip", ["netns", "add", name]);
    const bridge = await startBridge(program, client, server, line);
    for (const [at, name] of names.entries()) {
      // Addresses of this machine go out on no device of theirs but this one, which needs saying.
      await inside(name, "sysctl", "-qw", "net.ipv4.conf.line0.route_localnet=1");
      await inside(name, "ip", "address", "add", `${HOSTS[at]}/24`, "dev", "line0");
      await inside(name, "ip", "link", "set", "line0", "up");
    }
    return {
      client: ["ip", "netns", "exec", client],
      server: ["ip", "netns", "exec", server],
      host: HOSTS[1],
      async useCongestionControl(control) {
        for (const [at, name] of names.entries()) {
          const route = ["127.10.0.0/24", "dev", "line0", "src", `${HOSTS[at]}`];
          await inside(name, "ip", "route", "replace", ...route, "congctl", control);
        }
      },
      async close() {
        const told = await bridge.end();
        await removeAll();
        return told;
      },
    };
  } catch (error) {
    await removeAll();
    throw error;
  }
}

/** It ends with its standard input, and so with this process, however that ends. */
async function startBridge(
  program: string,
  client: string,
  server: string,
  { latencyMs, bitsPerSecond, lossPerMille }: LineOfPackets,
): Promise<{ end(): Promise<string> }> {
  const args = [client, server, latencyMs, bitsPerSecond, lossPerMille, 1].map(String);
  const bridge = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines: string[] = [];
  const ended = new Promise<void>((resolve) => bridge.on("close", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: bridge.stdout }).on("line", (line) => {
      lines.push(line);
      resolve();
    });
    bridge.on("error", reject);
    void ended.then(() => reject(new Error("the bridge between the namespaces did not start")));
  });
  return {
    async end() {
      bridge.stdin.end();
      await ended;
      return lines.slice(1).join("; ");
    },
  };
}
