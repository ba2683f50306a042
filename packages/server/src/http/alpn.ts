// Which HTTP a TLS connection speaks: as both ends agree while they shake hands (RFC 7301), HTTP/1.1 where a client says nothing.
import type { Server as SecureServer } from "node:https";
import type { TLSSocket } from "node:tls";
import type { H2 } from "./h2.ts";

/** What the server offers, the best one first. */
export const PROTOCOLS: string[] = ["h2", "http/1.1"];

/** Hands connections that agreed on HTTP/2 to `h2`; all others go the way that they went. */
export function takeH2(server: SecureServer, { server: h2 }: H2): void {
  const others = server.listeners("secureConnection");
  server.removeAllListeners("secureConnection");
  server.on("secureConnection", (socket: TLSSocket) => {
    if (socket.alpnProtocol === "h2") {
      h2.emit("connection", socket);
      return;
    }
    for (const take of others) take.call(server, socket);
  });
}
