// The life of the HTTP front: it listens, it drains, it is gone.
import type { Server } from "node:net";
import type { Clock, Log } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import type { HttpFront } from "./secure.ts";

/**
 * Resolves with the port once connections are accepted.
 * @throws HoldfastError `address_in_use`, `usage` for an address that is not this machine's or a port that needs more rights
 */
export async function listen(
  server: Server,
  address: string,
  port: number,
  log: Log,
): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    // The same listener afterwards: a connection that cannot be accepted must not end the process.
    server.on("error", (cause: NodeJS.ErrnoException) => {
      if (server.listening) log("error", "cannot accept a connection", { error: cause });
      reject(listenError(cause, `${address}:${port}`));
    });
    server.listen({ host: address, port, exclusive: true }, resolve);
  });
  const bound = server.address();
  return typeof bound === "object" && bound !== null ? bound.port : port;
}

function listenError(cause: NodeJS.ErrnoException, where: string): HoldfastError {
  const isTaken = cause.code === "EADDRINUSE";
  const message = isTaken ? `${where} is in use` : `cannot listen on ${where} (${cause.code})`;
  return new HoldfastError(isTaken ? "address_in_use" : "usage", message, {}, cause);
}

/**
 * Takes no more connections and closes the idle ones at once. Resolves when the last one has ended; those still there after `ms` are cut.
 * Replies meanwhile say `Connection: close` by themselves.
 */
export async function closeServer(
  { server, h2, h2c, local }: HttpFront,
  clock: Clock,
  ms: number,
): Promise<void> {
  const callOff = clock.after(ms, () => {
    server.closeAllConnections();
    local?.closeAllConnections();
    h2?.cut();
    h2c?.cut();
  });
  h2?.end();
  h2c?.end();
  await Promise.all([close(server), h2c && close(h2c.server), local && close(local)]);
  callOff();
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
}
