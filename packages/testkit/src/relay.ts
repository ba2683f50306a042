// What stands between a client and a server in tests: an HTTP server on a port of its own, and requests that it passes on.
import { once } from "node:events";
import {
  createServer,
  request as forward,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";

export interface Relay {
  readonly url: string;
  /** Resolves when no connection is left: those that are open are cut. */
  close(): Promise<void>;
}

export async function startRelay(listener: RequestListener): Promise<Relay> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Passes a request on to the same path of `target`, and its answer back; `change` sees the body of that piece by piece. What breaks on one side breaks on the other. */
export function passOn(
  target: string,
  request: IncomingMessage,
  response: ServerResponse,
  change: (piece: Buffer, answer: IncomingMessage) => Buffer = (piece) => piece,
): void {
  const { method = "", url = "", headers } = request;
  const onward = forward(new URL(url, target), { method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 0, answer.headers);
    answer.on("data", (piece: Buffer) => {
      if (response.write(change(piece, answer))) return;
      answer.pause();
      response.once("drain", () => answer.resume());
    });
    answer.on("end", () => response.end());
    answer.on("error", () => response.destroy());
  });
  onward.on("error", () => response.destroy());
  response.on("close", () => onward.destroy());
  request.pipe(onward);
}
