// For tests of connections: servers that answer as they like, by HTTP or byte by byte, and are gone after each test.
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { Server, Socket } from "node:net";
import { afterEach } from "vitest";
import type { Transport } from "../../ports.ts";

export interface Listening {
  /** Those of this test, in order. */
  readonly servers: Server[];
  /** Their connections so far, and none of another test. */
  readonly sockets: ReadonlySet<Socket>;
  /** Resolves with the server's address. */
  listen(server: Server): Promise<string>;
  http(listener: RequestListener): Promise<string>;
}

/** `transport` is closed after each test, before them. */
export function listenForTests(transport: Transport): Listening {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  afterEach(async () => {
    transport.close();
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    for (const server of servers.splice(0)) {
      server.close();
      await once(server, "close");
    }
  });
  async function listen(server: Server): Promise<string> {
    servers.push(server);
    server.on("connection", (socket: Socket) => sockets.add(socket));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    return `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
  }
  return { servers, sockets, listen, http: (listener) => listen(createServer(listener)) };
}
