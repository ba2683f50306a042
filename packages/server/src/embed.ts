// Holdfast inside another server: the same handlers, on routes that the application gives away.
import { readSettings, type ServeOptions } from "./config.ts";
import { createFetchHandler, type FetchHandler } from "./http/fetch.ts";
import { createNodeHandler, type NodeHandler } from "./http/node.ts";
import { openServer } from "./open.ts";
import { closeOnFatal } from "./serve.ts";

/** Where the application listens, and by what, is its own affair. */
export type EmbedOptions = Omit<
  ServeOptions,
  "host" | "port" | "h2cPort" | "socket" | "tls" | "insecure"
>;

export interface Holdfast {
  /** Answers a request of the web platform: for Hono, Next, Deno and whoever else speaks `Request` and `Response`. Never rejects. */
  readonly fetch: FetchHandler;
  /** Answers a request of node:http: for Express, Fastify's raw routes, or a server of one's own. */
  readonly handle: NodeHandler;
  /**
   * Commits or refuses what is in flight, lets downloads go on for `closeMs`, then ends them and lets the data directory go. May be repeated.
   * The application's connections are its own, but for those with a reply that had to be ended.
   */
  close(): Promise<void>;
}

/**
 * Opens a data directory for a server that exists already; resolves when what a crash interrupted is recovered.
 *
 * The handlers want their paths at the root (`/v1/...`), and bodies that nobody has read: a body parser in front of them is answered with `body_consumed`.
 *
 * @throws HoldfastError `usage`, `data_dir_busy`, `data_dir_unusable`, `storage_unusable`, `metadata_unusable`; nothing is left behind then.
 */
export async function openHoldfast(options: EmbedOptions): Promise<Holdfast> {
  const settings = await readSettings(options);
  const open = await openServer(options, settings);
  const { replies, clock } = open.front;
  const close = () => open.close(() => replies.end(clock, settings.closeMs));
  closeOnFatal(open, close, options.onFatal);
  return {
    fetch: createFetchHandler(open.front),
    handle: createNodeHandler(open.front, { interim: settings.interim }),
    close,
  };
}
