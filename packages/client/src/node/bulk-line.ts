// A connection for GETs of many bytes: made before it is known what it carries, then given one question after another.
import { connect, type Socket } from "node:net";
import type { Exchange } from "./bulk-exchange.ts";

export interface BulkLine {
  readonly socket: Socket;
  /** What the head of an answer is read into, and what of its body has no place elsewhere. */
  readonly own: Uint8Array;
  exchange: Exchange | undefined;
  isConnected: boolean;
}

/** Who has not answered the call for a connection after this long is not there, in milliseconds. */
export const CONNECT_MS = 10_000;
/** What nobody has sent anything over for so long is closed, in milliseconds: a server that waits for a request may be about to do so too. */
export const PREPARED_MS = 4_000;
const OWN_SIZE: number = 64 * 1024;

/** Whether an address is one in the clear, and nothing but one. */
export function isPlain(url: string): boolean {
  return /^http:\/\/[^@]*$/.test(url);
}

/** Calls for the connection at once; what becomes of it, the exchange on it is told. */
export function openLine(url: URL): BulkLine {
  const own = new Uint8Array(OWN_SIZE);
  let line: BulkLine | undefined;
  const socket = connect({
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port || 80),
    noDelay: true,
    onread: {
      buffer: () => line?.exchange?.memory() ?? own,
      callback(size, memory) {
        const exchange = line?.exchange;
        // Nothing was asked for.
        if (!exchange) socket.destroy();
        return exchange?.arrived(memory.subarray(0, size)) ?? false;
      },
    },
  });
  const opened: BulkLine = { socket, own, exchange: undefined, isConnected: false };
  line = opened;
  const timer = setTimeout(
    () => socket.destroy(new Error(`no connection within ${CONNECT_MS / 1000} s`)),
    CONNECT_MS,
  );
  // As long as somebody waits for it, the socket itself keeps the process.
  timer.unref();
  let error: Error | undefined;
  socket.once("connect", () => {
    opened.isConnected = true;
    clearTimeout(timer);
  });
  socket.on("error", (cause) => {
    error = cause;
  });
  socket.once("close", () => {
    clearTimeout(timer);
    opened.exchange?.closed(error);
  });
  return opened;
}
