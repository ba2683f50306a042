// Puts a server on the network and takes it off again, in the order that keeps what is stored safe.
import { readSettings, type ServeOptions, type Settings, urlOf } from "./config.ts";
import { closeServer, listen } from "./http/listen.ts";
import { listenLocally } from "./http/local-socket.ts";
import { openHttp } from "./http/secure.ts";
import { type OpenServer, openServer } from "./open.ts";

export interface RunningServer {
  /** Where it listens, such as `http://127.0.0.1:8420`. */
  readonly url: string;
  readonly port: number;
  /** Where it speaks HTTP/2 in the clear, if it does. */
  readonly h2cPort: number | undefined;
  /** Reads the certificate again, where there is one; a bad one is told in the log and the old one stays. */
  reload(): Promise<void>;
  /** Commits or refuses what is in flight and lets everything go, within `closeMs`. May be repeated. */
  close(): Promise<void>;
  /** Resolves when the server is closed, whoever closed it. */
  readonly closed: Promise<void>;
}

/**
 * Starts a server; resolves when it has recovered what a crash interrupted and accepts connections.
 *
 * @throws HoldfastError `insecure_bind`, `usage`, `data_dir_busy`, `data_dir_unusable`, `storage_unusable`, `metadata_unusable`, `address_in_use`; nothing is left behind then.
 */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const settings = await readSettings(options);
  const open = await openServer(options, settings);
  try {
    const server = await start(open, settings);
    closeOnFatal(open, server.close, options.onFatal);
    return server;
  } catch (error) {
    await open.close(async () => undefined);
    throw error;
  }
}

async function start(open: OpenServer, settings: Settings): Promise<RunningServer> {
  const { address, closeMs, tls, socket } = settings;
  const { front, closed } = open;
  const { clock, log } = front;
  const http = await openHttp(front, settings);
  async function stopServing(ms: number): Promise<void> {
    http.stop();
    await closeServer(http, clock, ms);
  }
  try {
    const port = await listen(http.server, address, settings.port, log);
    const { h2c } = http;
    const h2cPort = h2c && (await listen(h2c.server, address, settings.h2cPort ?? 0, log));
    if (http.local && socket !== undefined) await listenLocally(http.local, socket, log);
    const url = urlOf(address, port, tls ? "https" : "http");
    open.announce(url);
    const close = () => open.close(() => stopServing(closeMs));
    return { url, port, h2cPort, reload: http.reload, close, closed };
  } catch (error) {
    // Nothing may be served after the directory is let go.
    await stopServing(0);
    throw error;
  }
}

/** A new start finds out what is stored; until then nothing that this process says about it is worth much. */
export function closeOnFatal(
  { front, onFatal }: OpenServer,
  close: () => Promise<void>,
  tell: ServeOptions["onFatal"],
): void {
  const { log } = front;
  onFatal((error) => {
    log("error", "the records cannot be trusted any longer", { error });
    close()
      .catch((cause: unknown) => log("error", "cannot close", { error: cause }))
      .finally(() => tell?.(error));
  });
}
