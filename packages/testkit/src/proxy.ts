// A TCP proxy between a client and a server that does what bad networks do, and counts every byte.

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { createLink, type Line, type Link, PERFECT } from "./proxy-link.ts";

/** What happens to one connection, decided when it opens. Byte counts are of what the line took from the client on it, unless told. */
export type Fate =
  | { readonly kind: "well" }
  /** Reset towards both ends; `of` says whose bytes are counted. */
  | { readonly kind: "cut"; readonly afterBytes: number; readonly of?: "client" | "server" }
  /** Nothing moves any more, and nobody is told. */
  | { readonly kind: "freeze"; readonly afterBytes: number }
  /** The first answer after that many bytes is swallowed, then the connection is reset: the server did it, the client cannot know. */
  | { readonly kind: "lose-answer"; readonly afterBytes: number };

export interface ProxyConnection {
  readonly index: number;
  /** Bytes that the line took from the client, and from the server. */
  readonly up: number;
  readonly down: number;
  readonly isOpen: boolean;
  cut(): void;
  freeze(): void;
}

export interface ChaosProxy {
  readonly port: number;
  readonly url: string;
  readonly connections: readonly ProxyConnection[];
  totals(): { readonly up: number; readonly down: number };
  /** Connections are refused from now on; open ones stay. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  close(): Promise<void>;
}

export interface ProxyOptions {
  readonly targetPort: number;
  /** How the line is, each way; perfect by default. */
  readonly line?: Partial<Line>;
  /** The fate of the connection with that index, from 0; all are well by default. */
  readonly fate?: (index: number) => Fate;
}

interface Links {
  readonly up: Link;
  readonly down: Link;
  /** How long it takes until a new connection is there: a round trip. */
  readonly connectMs: number;
}

export async function startProxy(options: ProxyOptions): Promise<ChaosProxy> {
  const line: Line = { ...PERFECT, ...options.line };
  const links: Links = {
    up: createLink(line),
    down: createLink(line),
    connectMs: 2 * line.latencyMs,
  };
  const connections: (ProxyConnection & { destroy(): void })[] = [];
  const accept = (client: Socket): void => {
    const index = connections.length;
    const fate = options.fate?.(index) ?? { kind: "well" };
    connections.push(joinSockets(index, client, options.targetPort, links, fate));
  };
  let server = createServer(accept).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const refuse = async (): Promise<void> => {
    // A server that waits for its connections to end would go on being "closing" for as long as a transfer lasts.
    if (server.listening) server.close();
  };
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    connections,
    totals: () => ({
      up: connections.reduce((sum, connection) => sum + connection.up, 0),
      down: connections.reduce((sum, connection) => sum + connection.down, 0),
    }),
    refuse,
    async accept() {
      server = createServer(accept).listen(port, "127.0.0.1");
      await once(server, "listening");
    },
    async close() {
      await refuse();
      for (const connection of connections) connection.destroy();
      links.up.close();
      links.down.close();
    },
  };
}

function joinSockets(
  index: number,
  client: Socket,
  targetPort: number,
  links: Links,
  fate: Fate,
): ProxyConnection & { destroy(): void } {
  const server = connect(targetPort, "127.0.0.1");
  const counts = { up: 0, down: 0 };
  let state: "open" | "frozen" | "gone" = "open";
  const end = (): void => {
    state = "gone";
    upward.stop();
    downward.stop();
    reset(client);
    reset(server);
  };
  const freeze = (): void => {
    if (state !== "open") return;
    state = "frozen";
    upward.stop();
    downward.stop();
  };
  const isOfServer = fate.kind === "cut" && fate.of === "server";
  const isDue = (kind: Fate["kind"]): boolean =>
    fate.kind !== "well" && fate.kind === kind && counts.up >= fate.afterBytes;
  // Who sends to somebody who is gone is told so, as a system does for whoever has left.
  const onLost = (): void => {
    if (state === "open") end();
  };
  const onUp = (bytes: number): void => {
    counts.up += bytes;
    if (state !== "open") return;
    if (isDue("cut") && !isOfServer) end();
    else if (isDue("freeze")) freeze();
  };
  const onDown = (bytes: number): void => {
    counts.down += bytes;
    if (state === "open" && isOfServer && counts.down >= fate.afterBytes) end();
  };
  const upward = links.up.lane(client, server, { onCarried: onUp, onLost });
  const downward = links.down.lane(server, client, { onCarried: onDown, onLost });
  const begin = (): void => {
    if (state !== "open") return;
    client.on("data", (bytes) => state === "open" && upward.send(Buffer.from(bytes)));
    client.on("end", () => upward.finish());
  };
  if (links.connectMs > 0) setTimeout(begin, links.connectMs);
  else begin();
  server.on("data", (bytes) => {
    if (state !== "open") return;
    if (isDue("lose-answer")) end();
    else downward.send(Buffer.from(bytes));
  });
  client.setNoDelay(true);
  server.setNoDelay(true).on("end", () => downward.finish());
  for (const socket of [client, server]) {
    // A reset on one side is one on the other: a real middlebox does not turn it into a clean end.
    socket.on("error", () => state !== "frozen" && end());
    socket.on("close", () => state === "open" && client.destroyed && server.destroyed && end());
  }
  return {
    index,
    get up() {
      return counts.up;
    },
    get down() {
      return counts.down;
    },
    get isOpen() {
      return state === "open" && !client.destroyed;
    },
    cut: end,
    freeze,
    destroy: end,
  };
}

/** A socket that is being ended in peace cannot be reset any more: Node would never let go of it. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
