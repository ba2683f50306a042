// `holdfast serve`: runs the server until it is told to stop.
import { HoldfastError } from "@holdfast/protocol";
import type { LogOptions, RunningServer, ServeOptions } from "@holdfast/server";
import { Command } from "commander";
import { requireNoPassword, shownDatabase } from "./database.ts";
import { MORE_OPTIONS } from "./help.ts";
import { onHangUp, onStopSignal } from "./interrupt.ts";
import { jsonLines } from "./json.ts";
import { readSettings, withSettings } from "./settings/options.ts";
import { pairsOf } from "./settings/pairs.ts";
import type { Settings } from "./settings/resolve.ts";
import { readToken } from "./settings/token.ts";
import { commandName, keysOf } from "./surroundings.ts";
import { createTerminal } from "./terminal.ts";

const FIRST_SETTINGS = [
  "serve.data",
  "serve.host",
  "serve.port",
  "serve.token-file",
  "serve.tls-cert",
  "serve.tls-key",
  "serve.insecure",
] as const;

const MORE_SETTINGS = [
  "serve.storage",
  "serve.storages",
  "serve.homes",
  "serve.metadata",
  "serve.tls-min",
  "serve.keep-free",
  "serve.origins",
  "serve.h2c-port",
  "serve.socket",
  "serve.proxies",
  "serve.interim",
  "serve.accel-redirect",
  "serve.redirect-reads",
  "serve.verify-reads",
  "serve.log-level",
  "serve.log-format",
] as const;

const SERVE_SETTINGS = [...FIRST_SETTINGS, ...MORE_SETTINGS] as const;

const LOG_LEVELS = ["error", "warn", "info", "debug"] as const;

interface Options {
  readonly json?: true;
}

const HELP = `
Example:
  holdfast serve --data /srv/holdfast

It listens on this machine only. To be reached from others it wants a token in
HOLDFAST_TOKEN, and a certificate or, behind a proxy that does TLS, --insecure.`;

export function serveCommand(): Command {
  const command = new Command("serve").description("take uploads and serve their files");
  const first = withSettings(command, FIRST_SETTINGS).optionsGroup(MORE_OPTIONS);
  return withSettings(first, MORE_SETTINGS)
    .option("--json", "print one JSON object a line on standard output")
    .addHelpText("after", HELP)
    .action(runServe);
}

async function runServe({ json }: Options, command: Command): Promise<void> {
  const settings = await readSettings(command, SERVE_SETTINGS);
  const data = settings.required("serve.data");
  const host = settings.required("serve.host");
  const port = settings.number("serve.port");
  const keepFree = settings.number("serve.keep-free");
  const storage = settings.text("serve.storage");
  const metadata = metadataOf(settings);
  const tls = tlsOf(settings);
  const token = await readToken(settings, "serve.token-file");
  // Loaded here, so that an upload does not wait for a server that it does not need.
  const { createLog, hasTokens, serve } = await import("@holdfast/server");
  const ended = Promise.withResolvers<void>();
  const server = await serve({
    host,
    ...(port === undefined ? {} : { port }),
    ...besidesOf(settings),
    dataDir: data,
    ...(storage === undefined ? {} : { storage }),
    storages: pairsOf(settings, "serve.storages"),
    homes: pairsOf(settings, "serve.homes"),
    ...(metadata === undefined ? {} : { metadata }),
    insecure: settings.isOn("serve.insecure"),
    keys: keysOf(process.env),
    // On a terminal the log would bury what is printed for a person; a service keeps all of it.
    log: createLog({
      ...logOf(settings),
      secrets: token === undefined ? [] : [token],
    }),
    ...(token === undefined ? {} : { token }),
    ...(keepFree === undefined ? {} : { keepFree }),
    ...(tls ? { tls } : {}),
    origins: settings.list("serve.origins"),
    proxies: settings.list("serve.proxies"),
    interim: interimOf(settings),
    verifyReads: settings.isOn("serve.verify-reads"),
    redirectReads: settings.isOn("serve.redirect-reads"),
    ...limitsOf(settings),
    onFatal: ended.reject,
  });
  const takeOff = onStopSignal(() => {
    if (!json) process.stderr.write("\nFinishing what is in flight; again stops at once.\n");
    server.close().then(ended.resolve, ended.reject);
  });
  // As servers have it: a certificate was renewed.
  const ignoreHangUp = onHangUp(() => void server.reload());
  if (json) {
    const { url, h2cPort } = server;
    const h2c = h2cPort === undefined ? {} : { h2cPort };
    jsonLines(process.stdout)({
      event: "listening",
      ...{ url, ...h2c, pid: process.pid, dataDir: data },
    });
  } else {
    const access = accessOf(token !== undefined, hasTokens(data));
    const color = settings.text("color");
    const storages = settings.list("serve.storages");
    process.stdout.write(greeting(server, { data, storage, storages, metadata, access, color }));
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

function metadataOf(settings: Settings): string | undefined {
  const address = settings.text("serve.metadata");
  const given = settings.of("serve.metadata");
  if (address !== undefined && given?.layer === "flag") requireNoPassword(address, given.from);
  return address;
}

/** Where it listens besides. */
function besidesOf(settings: Settings): Pick<ServeOptions, "h2cPort" | "socket" | "accelRedirect"> {
  const h2cPort = settings.number("serve.h2c-port");
  const socket = settings.text("serve.socket");
  const accelRedirect = settings.text("serve.accel-redirect");
  return {
    ...(accelRedirect === undefined ? {} : { accelRedirect }),
    ...(h2cPort === undefined ? {} : { h2cPort }),
    ...(socket === undefined ? {} : { socket }),
  };
}

function interimOf(settings: Settings): NonNullable<ServeOptions["interim"]> {
  const given = settings.text("serve.interim");
  return given === "always" || given === "never" ? given : "direct";
}

function logOf(settings: Settings): Pick<LogOptions, "level" | "format"> {
  const { isTTY } = process.stderr;
  const level = LOG_LEVELS.find((one) => one === settings.text("serve.log-level"));
  const format = settings.text("serve.log-format") ?? (isTTY ? "text" : "json");
  return { level: level ?? (isTTY ? "warn" : "info"), format: format === "text" ? "text" : "json" };
}

function limitsOf(settings: Settings): Pick<ServeOptions, "slotMemory" | "requestsMax" | "limits"> {
  const slotMemory = settings.number("serve.memory");
  const requestsMax = settings.number("serve.requests-max");
  const sizeMax = settings.number("serve.size-max");
  const openMax = settings.number("serve.open-max");
  const bytesMax = settings.number("serve.bytes-max");
  const partsInFlightMax = settings.number("serve.in-flight-max");
  return {
    ...(slotMemory === undefined ? {} : { slotMemory }),
    ...(requestsMax === undefined ? {} : { requestsMax }),
    limits: {
      ...(sizeMax === undefined ? {} : { sizeMax }),
      ...(openMax === undefined ? {} : { openMax }),
      ...(bytesMax === undefined ? {} : { bytesMax }),
      ...(partsInFlightMax === undefined ? {} : { partsInFlightMax }),
    },
  };
}

function tlsOf(settings: Settings): ServeOptions["tls"] {
  const cert = settings.text("serve.tls-cert");
  const key = settings.text("serve.tls-key");
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new HoldfastError("usage", "--tls-cert and --tls-key belong together");
  }
  return {
    cert,
    key,
    minVersion: settings.text("serve.tls-min") === "1.2" ? "TLSv1.2" : "TLSv1.3",
  };
}

const ACCESS = {
  open: "everybody on this machine",
  token: "whoever sends the token in HOLDFAST_TOKEN",
  tokens: "whoever sends one of its tokens (holdfast token list)",
  both: "whoever sends the token in HOLDFAST_TOKEN, or one of its tokens (holdfast token list)",
} as const;

type Access = keyof typeof ACCESS;

function accessOf(hasToken: boolean, hasTokens: boolean): Access {
  if (hasToken) return hasTokens ? "both" : "token";
  return hasTokens ? "tokens" : "open";
}

function greeting(
  { url }: RunningServer,
  {
    data,
    storage,
    storages,
    metadata,
    access,
    color,
  }: {
    readonly data: string;
    readonly storage: string | undefined;
    readonly storages: readonly string[];
    readonly metadata: string | undefined;
    readonly access: Access;
    readonly color: string | undefined;
  },
): string {
  const name = commandName(process.env);
  const { hasColor } = createTerminal(process.stdout, process.env, color);
  const strong = (text: string): string => (hasColor ? `\u001b[1m${text}\u001b[0m` : text);
  const login = access === "open" ? "" : "HOLDFAST_TOKEN=... ";
  const records = metadata === undefined ? "" : `\n  records     ${shownDatabase(metadata)}`;
  const bytes = [storage ?? [], storages]
    .flat()
    .map((one) => `\n  storage     ${one}`)
    .join("");
  const kept = storage === undefined ? "on the disk" : "in the store";
  return `Holdfast is listening on ${strong(url)}

  data        ${data}${bytes}${records}
  durability  strict: what is acknowledged is ${kept} and survives kill -9 and power loss
  access      ${ACCESS[access]}

Try, in another terminal here:
  ${login}${name} upload BIGFILE --to ${url}
  ${login}${name} download URL -o COPY     with the URL that the upload prints

Ctrl-C stops it.
`;
}
