// `holdfast serve`: runs the server until it is told to stop.
import { resolve } from "node:path";
import { HoldfastError } from "@holdfast/protocol";
import type { RunningServer, ServeOptions } from "@holdfast/server";
import { Command, Option } from "commander";
import { onHangUp, onStopSignal } from "./interrupt.ts";
import { jsonLines } from "./json.ts";
import { parseSize } from "./sizes.ts";
import { commandName, tokenOf } from "./surroundings.ts";
import { createTerminal } from "./terminal.ts";

interface Options {
  readonly host: string;
  readonly port: number;
  readonly data: string;
  readonly keepFree?: number;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsMin: "1.2" | "1.3";
  readonly insecure?: true;
  readonly json?: true;
}

const HELP = `
Example:
  holdfast serve --data /srv/holdfast

It listens on this machine only. To be reached from others it wants a token in HOLDFAST_TOKEN,
and either a certificate or, behind a proxy that does TLS, --insecure.`;

export function serveCommand(): Command {
  return new Command("serve")
    .description("take uploads and serve their files")
    .option("--host <host>", "address to listen on", "127.0.0.1")
    .option("--port <port>", "port to listen on; 0 takes a free one", parsePort, 8420)
    .option("--data <dir>", "where everything is kept", "./holdfast-data")
    .option("--keep-free <size>", "begin no upload with less room on the disk than this", parseSize)
    .option("--tls-cert <file>", "speak HTTPS with this certificate (PEM, with its chain)")
    .option("--tls-key <file>", "and this key; both are read again when they change, and on SIGHUP")
    .addOption(
      new Option("--tls-min <version>", "oldest TLS to speak")
        .choices(["1.2", "1.3"])
        .default("1.3"),
    )
    .option("--insecure", "allow plain HTTP beyond this machine")
    .option("--json", "print one JSON object a line on standard output")
    .addHelpText("after", HELP)
    .action(runServe);
}

export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new HoldfastError("usage", `"${text}" is not a port; write a number from 0 to 65535`);
}

async function runServe(options: Options): Promise<void> {
  const { host, port, data, keepFree, insecure, json } = options;
  const tls = tlsOf(options);
  const token = tokenOf(process.env);
  // Loaded here, so that an upload does not wait for a server that it does not need.
  const { createLog, serve } = await import("@holdfast/server");
  const ended = Promise.withResolvers<void>();
  const server = await serve({
    host,
    port,
    dataDir: resolve(data),
    insecure: insecure === true,
    // On a terminal the log would bury what is printed for a person; a service keeps all of it.
    log: createLog({
      level: process.stderr.isTTY ? "warn" : "info",
      secrets: token === undefined ? [] : [token],
    }),
    ...(token === undefined ? {} : { token }),
    ...(keepFree === undefined ? {} : { keepFree }),
    ...(tls ? { tls } : {}),
    onFatal: ended.reject,
  });
  const takeOff = onStopSignal(() => {
    if (!json) process.stderr.write("\nFinishing what is in flight; again stops at once.\n");
    server.close().then(ended.resolve, ended.reject);
  });
  // As servers have it: a certificate was renewed.
  const ignoreHangUp = onHangUp(() => void server.reload());
  if (json) {
    const dataDir = resolve(data);
    jsonLines(process.stdout)({ event: "listening", url: server.url, pid: process.pid, dataDir });
  } else {
    process.stdout.write(greeting(server, { data, token }));
  }
  try {
    await ended.promise;
  } finally {
    takeOff();
    ignoreHangUp();
  }
  if (!json)
    process.stderr.write("Stopped. Nothing acknowledged is lost; uploads go on when it is back.\n");
}

function tlsOf({ tlsCert: cert, tlsKey: key, tlsMin }: Options): ServeOptions["tls"] {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new HoldfastError("usage", "--tls-cert and --tls-key belong together");
  }
  return { cert, key, minVersion: `TLSv${tlsMin}` };
}

function greeting(
  { url }: RunningServer,
  { data, token }: { readonly data: string; readonly token: string | undefined },
): string {
  const name = commandName(process.env);
  const { hasColor } = createTerminal(process.stdout, process.env);
  const strong = (text: string): string => (hasColor ? `\u001b[1m${text}\u001b[0m` : text);
  const login = token === undefined ? "" : "HOLDFAST_TOKEN=... ";
  return `Holdfast is listening on ${strong(url)}

  data        ${data}
  durability  strict: what is acknowledged is on the disk and survives kill -9 and power loss
  access      ${token === undefined ? "everybody on this machine" : "whoever sends the token in HOLDFAST_TOKEN"}

Try, in another terminal here:
  ${login}${name} upload BIGFILE --to ${url}
  ${login}${name} download URL -o COPY     with the URL that the upload prints

Ctrl-C stops it.
`;
}
